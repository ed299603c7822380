import { describe, expect, test } from "bun:test";
import { formatProvenance } from "../../src/formats/provenance.ts";
import { mergeRuns } from "../../src/lists/merge.ts";
import { formatMergedRecord } from "../../src/lists/merged-record.ts";
import { parseRecord } from "../../src/results/stored-record.ts";
import { run } from "../lists/runs.ts";
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

  const queue = [{ runs: 1, reasons: ["queue overflow"] }];
  const sums = { completeRuns: 2, incompleteRuns: 1, incomplete: queue };
  for (const [what, complete, more, completeness] of [
    ["that tells of each run", true, sums, { complete: 2, incomplete: queue }],
    ["of an earlier version, complete", true, {}, { complete: 3, incomplete: [] }],
    ["of an earlier version, with holes", false, {}, { complete: 0, incomplete: queue }],
    ["of an earlier version, of which nothing is known", null, {}, { complete: 0, incomplete: [] }],
    [
      "that tells of more runs than there are",
      true,
      { ...sums, completeRuns: 3 },
      { complete: 3, incomplete: [] },
    ],
    ["with another type", false, { ...sums, incomplete: 7 }, { complete: 0, incomplete: queue }],
    [
      "with others inside",
      false,
      { ...sums, incomplete: [7] },
      { complete: 2, incomplete: [{ runs: 0, reasons: [] }] },
    ],
  ] as const) {
    test(`reads one of a merged list ${what}`, () => {
      const trouble = complete === false ? ["queue overflow"] : [];
      const merged = { runs: 3, ...more, hits: [3], sightings: [[0, 1, 0, 1, 0, 1]] };
      const text = JSON.stringify({ version: 1, state: "ended", complete, trouble, merged });
      expect(parseRecord(text)).toMatchObject({ merged: { runs: 3, completeness } });
    });
  }

  test("reads what formatMergedRecord() writes", () => {
    const holes = { complete: false, trouble: ["queue overflow"] };
    const merged = mergeRuns([run(["/a", "/b"]), run(["/a"], holes), run(["/b"], holes)]);
    expect(parseRecord(formatMergedRecord(merged, "1.2.3"))).toMatchObject({
      complete: true,
      trouble: [],
      merged: merged.merged,
    });
  });

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
