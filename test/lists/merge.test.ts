import { describe, expect, test } from "bun:test";
import { mergeRuns } from "../../src/lists/merge.ts";
import { formatMergedRecord } from "../../src/lists/merged-record.ts";
import type { Origin, Run } from "../../src/lists/run.ts";
import { rememberedRuns } from "../../src/lists/sightings.ts";
import { random, testSeed } from "../helpers/random.ts";
import { origin, pathsOf, run, shuffled } from "./runs.ts";

describe("the order of a merged list", () => {
  test("what all runs opened comes first, though it was opened last", () => {
    const merged = mergeRuns([run(["/rare", "/a", "/b"]), run(["/a", "/b"])]);
    expect(pathsOf(merged)).toEqual(["/a", "/b", "/rare"]);
    expect(merged.merged.hits).toEqual([2, 2, 1]);
  });

  test("the median place decides, so that one odd run changes nothing", () => {
    const usual = ["/a", "/b", "/c"];
    const merged = mergeRuns([run(usual), run(usual), run(["/c", "/b", "/a"])]);
    expect(pathsOf(merged)).toEqual(usual);
  });

  test("in the same place the earlier time decides, then the bytes of the path", () => {
    const at = (path: string, elapsedUs: number | undefined): Run => ({
      files: [{ path, elapsedUs }],
      origin,
    });
    expect(pathsOf(mergeRuns([at("/late", 9), at("/soon", 2)]))).toEqual(["/soon", "/late"]);
    expect(pathsOf(mergeRuns([at("/b", 5), at("/a", 5), at("/B", 5)]))).toEqual(["/B", "/a", "/b"]);
    expect(pathsOf(mergeRuns([at("/b", undefined), at("/a", undefined)]))).toEqual(["/a", "/b"]);
  });
});

test("the median of an even number lies in between; times that are not known do not count", () => {
  const at = (elapsedUs: number | undefined): Run => ({ files: [{ path: "/a", elapsedUs }], origin });
  expect(mergeRuns([at(10), at(21)]).files[0]?.elapsedUs).toBe(16);
  expect(mergeRuns([at(10), at(undefined), at(21), at(500)]).files[0]?.elapsedUs).toBe(21);
  expect(mergeRuns([at(undefined)]).files[0]?.elapsedUs).toBeUndefined();
});

test("a file's size is the largest, its layer the one that all agree on", () => {
  const of = (sizeBytes: number | undefined, layer: number | undefined): Run => ({
    files: [{ path: "/a", sizeBytes, layer }],
    origin,
  });
  const [same] = mergeRuns([of(1, 2), of(7, 2), of(undefined, 2)]).files;
  expect(same).toMatchObject({ sizeBytes: 7, layer: 2 });
  expect(mergeRuns([of(1, 2), of(1, 0)]).files[0]?.layer).toBeUndefined();
  expect(mergeRuns([of(1, 2), of(1, undefined)]).files[0]?.layer).toBeUndefined();
});

test("the record says what all agree on, and of each run that may have holes why", () => {
  const merged = mergeRuns([
    run(["/a"], { complete: false, trouble: ["z", "queue overflow"], endedAt: new Date("2026-11-03") }),
    run(["/a", "/b\n"], { digest: undefined, startedAt: new Date("2026-10-01") }),
  ]);
  const record = JSON.parse(formatMergedRecord(merged, "1.2.3"));
  expect(record).toMatchObject({
    complete: true,
    state: "ended",
    reason: "merged",
    trouble: [],
    image: { reference: "docker.io/library/app:1", name: "app:1" },
    optimizer: "1.2.3",
    started: "2026-10-01T00:00:00.000Z",
    ended: "2026-11-03T00:00:00.000Z",
    counts: { listed: 1, listedBytes: 200, unlistable: 1, events: 20 },
    merged: {
      runs: 2,
      completeRuns: 1,
      incompleteRuns: 1,
      incomplete: [{ runs: 1, reasons: ["queue overflow", "z"] }],
      hits: [2, 1],
    },
    layers: [2],
  });
  expect(record.image.digest).toBeUndefined();
});

describe("a merged list", () => {
  const holes = (...trouble: string[]) => run(["/a"], { complete: false, trouble });
  const whole = run(["/a"]);
  const unknown = run(["/a"], { complete: undefined });

  for (const [what, runs, complete, trouble] of [
    ["of whole runs", [whole, whole], true, []],
    ["of a whole run and one with holes", [whole, holes("x")], true, []],
    ["of a whole run and one of which nothing is known", [whole, unknown], true, []],
    ["of runs with holes", [holes("x"), holes("y", "x")], false, ["x", "y"]],
    ["of a run with holes and one of which nothing is known", [holes("x"), unknown], false, ["x"]],
    ["of runs of which nothing is known", [unknown, unknown], undefined, []],
  ] as const) {
    test(`${what} is ${complete === undefined ? "not known to be complete" : complete ? "complete" : "not complete"}`, () => {
      expect(mergeRuns(runs).origin).toMatchObject({ complete, trouble: [...trouble] });
    });
  }

  test("that needs so many runs for a file is complete when so many are", () => {
    const runs = [whole, whole, holes("x")];
    expect(mergeRuns(runs, () => 2).origin.complete).toBe(true);
    expect(mergeRuns(runs, () => 3).origin).toMatchObject({ complete: false, trouble: ["x"] });
    expect(mergeRuns([whole, unknown], () => 2).origin.complete).toBeUndefined();
  });

  test("counts runs by their reasons, the most frequent first, and has a limit to what it tells apart", () => {
    const runs = Array.from({ length: 100 }, (_, index) => holes(`reason ${index}`.padEnd(1000, "x")));
    const { completeness } = mergeRuns([...runs, holes("often"), holes("often"), whole]).merged;
    expect(completeness.complete).toBe(1);
    expect(completeness.incomplete).toHaveLength(32);
    expect(completeness.incomplete.slice(0, 2)).toEqual([
      { runs: 70, reasons: ["other reasons"] },
      { runs: 2, reasons: ["often"] },
    ]);
    expect(completeness.incomplete[2]?.reasons[0]).toHaveLength(300);
  });
});

test("one run with files made at run time makes a list with such files, which says why", () => {
  const runs = [run(["/a"]), run(["/b"], { unfiltered: "y" }), run(["/c"], { unfiltered: "x" })];
  expect(mergeRuns(runs.slice(0, 1)).origin.unfiltered).toBeUndefined();
  expect(mergeRuns(runs.slice(0, 2)).origin.unfiltered).toBe("y");
  for (const order of [runs, runs.toReversed()]) expect(mergeRuns(order).origin.unfiltered).toBe("x");
});

test("of more than 64 runs quantiles are remembered, and the number of runs stays right", () => {
  const runs = Array.from({ length: 200 }, (_, index) =>
    run(
      Array(index)
        .fill("/x")
        .map((x, i) => `${x}${i}`)
        .concat("/a"),
    ),
  );
  const { files, merged } = mergeRuns(runs);
  const place = files.findIndex(({ path }) => path === "/a");
  expect(merged.runs).toBe(200);
  expect(merged.hits[place]).toBe(200);
  expect(merged.sightings[place]).toHaveLength(2 * 32);
  const ranks = (merged.sightings[place] ?? []).filter((_, index) => index % 2 === 0);
  expect(ranks[16]).toBeGreaterThan(95);
  expect(ranks[15]).toBeLessThan(105);
});

test("the more files a list has, the fewer runs it remembers one by one, but never less than eight", () => {
  expect([1, 125_000, 250_000, 1_000_000, 2_000_000, 100_000_000].map(rememberedRuns)).toEqual([
    64, 64, 32, 8, 4, 2,
  ]);
});

const completenesses: readonly Partial<Origin>[] = [
  {},
  { complete: undefined },
  { complete: false, trouble: ["queue overflow"] },
  { complete: false, trouble: ["z", "queue overflow"] },
  { complete: false, trouble: [] },
];

/** A workload that opens the same files in about the same order, and some of its own each time. */
function generateRuns(count: number, next: () => number): Run[] {
  const stable = Array.from({ length: 40 }, (_, index) => `/stable/${index}`);
  return Array.from({ length: count }, (_, which) => {
    const paths = stable.flatMap((path) =>
      next() < 0.3 ? [path, `/extra/${which}/${Math.floor(next() * 1e6)}`] : [path],
    );
    const swap = Math.floor(next() * 39);
    const swapped = [
      ...paths.slice(0, swap),
      ...paths.slice(swap, swap + 2).reverse(),
      ...paths.slice(swap + 2),
    ];
    return run(swapped, completenesses[Math.floor(next() * completenesses.length)]);
  });
}

describe("whatever the runs are", () => {
  const seed = testSeed();
  const next = random(seed);
  for (let round = 0; round < 20; round++) {
    const runs = generateRuns(2 + Math.floor(next() * 6), next);
    const title = (text: string): string => `${text} (${runs.length} runs, seed ${seed}, round ${round})`;
    const once = mergeRuns(runs);

    test(title("their order does not matter, nor how they are grouped"), () => {
      expect(mergeRuns(shuffled(runs, next))).toEqual(once);
      const cut = 1 + Math.floor(next() * (runs.length - 1));
      const groups = [mergeRuns(runs.slice(0, cut)), mergeRuns(runs.slice(cut))];
      expect(mergeRuns(shuffled(groups, next))).toEqual(once);
      expect(mergeRuns([once])).toEqual(once);
    });

    test(title("equal runs give that run, and no run counts for nothing"), () => {
      const [first] = runs;
      if (first === undefined) throw new Error("No run");
      expect(pathsOf(mergeRuns([first, first, first]))).toEqual(pathsOf(first));
      expect(new Set(pathsOf(once))).toEqual(new Set(runs.flatMap(pathsOf)));
      expect(once.merged.hits.every((hits) => hits >= 1 && hits <= runs.length)).toBe(true);
    });
  }

  test(`five runs with random files of their own: what three of them had is the stable part (seed ${seed})`, () => {
    const { files } = mergeRuns(generateRuns(5, next), () => 3);
    expect(files.map(({ path }) => path).sort()).toEqual(
      Array.from({ length: 40 }, (_, index) => `/stable/${index}`).sort(),
    );
  });
});
