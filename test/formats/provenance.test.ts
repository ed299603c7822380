import { describe, expect, test } from "bun:test";
import {
  type EndReason,
  formatProvenance,
  isComplete,
  isOnlySuperseded,
  type Provenance,
} from "../../src/formats/provenance.ts";

const at = new Date("2026-01-02T03:04:15.678Z");

const provenance: Provenance = {
  image: { reference: "docker.io/library/nginx:latest", name: "nginx:latest", digest: undefined },
  container: { id: "c0ffee", name: "web", pod: { name: "pod", namespace: "default", uid: "u" } },
  runtime: { name: "containerd", version: "2.1.9" },
  kernel: "6.18.0",
  optimizer: "0.1.0",
  recorder: "0badcafe",
  startedAt: new Date("2026-01-02T03:04:05.678Z"),
  end: { at, reason: "container stopped" },
  trouble: [],
  filter: { kind: "image-files" },
  queuePeak: 0,
  counts: {
    listed: 2,
    listedBytes: 20,
    unlistable: 0,
    runtime: 1,
    deleted: 0,
    notRegular: 3,
    events: 9,
    overflows: 0,
    lost: 0,
  },
  layerCount: 4,
  layers: [3, 0],
};

describe("isComplete()", () => {
  for (const [reason, complete] of [
    ["container stopped", true],
    ["timeout", true],
    ["connection lost", false],
    ["terminated", false],
    ["superseded", false],
    ["failed", false],
  ] as const satisfies readonly (readonly [EndReason, boolean])[]) {
    test(`of an end by "${reason}" is ${complete}`, () => {
      expect(isComplete({ end: { at, reason }, trouble: [] })).toBe(complete);
      expect(isComplete({ end: { at, reason }, trouble: ["queue overflow"] })).toBe(false);
    });
  }

  test("of a trace that goes on is false", () => {
    expect(isComplete({ end: undefined, trouble: [] })).toBe(false);
  });
});

test("isOnlySuperseded() is true of nothing that has lost something", () => {
  expect(isOnlySuperseded({ reason: "superseded", trouble: [] })).toBe(true);
  expect(isOnlySuperseded({ reason: "superseded", trouble: ["queue overflow"] })).toBe(false);
  expect(isOnlySuperseded({ reason: "connection lost", trouble: [] })).toBe(false);
});

describe("formatProvenance()", () => {
  test("has every field of an ended trace", () => {
    const text = formatProvenance(provenance);
    expect(JSON.parse(text)).toEqual({
      version: 1,
      complete: true,
      state: "ended",
      reason: "container stopped",
      trouble: [],
      image: { reference: "docker.io/library/nginx:latest", name: "nginx:latest" },
      container: provenance.container,
      runtime: provenance.runtime,
      kernel: "6.18.0",
      optimizer: "0.1.0",
      recorder: "0badcafe",
      started: "2026-01-02T03:04:05.678Z",
      ended: "2026-01-02T03:04:15.678Z",
      filter: { kind: "image-files" },
      queuePeak: 0,
      counts: provenance.counts,
      layerCount: 4,
      layers: [3, 0],
    });
    expect(text).toEndWith('  "layerCount": 4,\n  "layers": [3,0]\n}\n');
  });

  test("tells a trace that goes on", () => {
    const { layers: _, layerCount: __, ...rest } = provenance;
    const going = { ...rest, end: undefined, filter: { kind: "none", why: "tmpfs" } } as const;
    expect(JSON.parse(formatProvenance(going))).toMatchObject({
      complete: false,
      state: "recording",
      ended: null,
      filter: { kind: "none", why: "tmpfs" },
      layerCount: null,
      layers: null,
    });
    expect(JSON.parse(formatProvenance(going))).not.toHaveProperty("reason");
  });

  test("stays JSON whatever the names are", () => {
    const odd = { ...provenance, image: { reference: '"\n\0\ud800</script>' }, trouble: ['"},'] };
    expect(JSON.parse(formatProvenance(odd))).toMatchObject({ image: odd.image, trouble: odd.trouble });
  });
});
