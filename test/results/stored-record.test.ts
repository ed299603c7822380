import { describe, expect, test } from "bun:test";
import { formatProvenance } from "../../src/formats/provenance.ts";
import { parseRecord } from "../../src/results/stored-record.ts";
import { provenance } from "./results.ts";

describe("parseRecord()", () => {
  test("reads what formatProvenance() writes", () => {
    expect<unknown>(parseRecord(formatProvenance(provenance))).toEqual({
      name: "nginx:latest",
      reference: provenance.image.reference,
      digest: provenance.image.digest,
      container: { id: provenance.container.id, name: "web" },
      pod: { name: "web-0", namespace: "default", uid: "u" },
      runtime: provenance.runtime,
      kernel: "6.18.44",
      optimizer: "0.1.0",
      startedAt: provenance.startedAt,
      endedAt: provenance.end?.at,
      state: "ended",
      reason: "container stopped",
      complete: true,
      trouble: [],
      merged: undefined,
      unfiltered: undefined,
      counts: provenance.counts,
      queuePeak: 12,
      layerCount: 2,
      layers: [1, 0, 0],
    });
  });

  test("reads one of a recording", () => {
    const text = formatProvenance({
      ...provenance,
      end: undefined,
      filter: { kind: "none", why: "no overlay" },
    });
    expect(parseRecord(text)).toMatchObject({
      state: "recording",
      endedAt: undefined,
      complete: false,
      unfiltered: "no overlay",
    });
  });

  for (const [text, expected] of [
    ["", "not JSON"],
    ["{", "not JSON"],
    ["null", "not a record of this program"],
    ["[]", "not a record of this program"],
    ['{"state":"done"}', "not a record of this program"],
  ] as const) {
    test(`takes ${JSON.stringify(text)} for ${expected}`, () => {
      expect(parseRecord(text)).toBe(expected);
    });
  }

  test("leaves out what is of another type", () => {
    const text =
      '{"state":"ended","image":7,"container":{"id":1,"pod":"x"},"counts":{"listed":"3","events":-1,"runtime":4},' +
      '"trouble":[1,"a"],"layers":[0,"1"],"started":"never","complete":"yes","filter":null}';
    expect(parseRecord(text)).toMatchObject({
      reference: undefined,
      container: {},
      counts: { runtime: 4 },
      trouble: ["a"],
      layers: undefined,
      startedAt: undefined,
      complete: undefined,
    });
  });
});
