import { describe, expect, test } from "bun:test";
import { mergeRuns } from "../../src/lists/merge.ts";
import { formatMergedRecord } from "../../src/lists/merged-record.ts";
import type { Run } from "../../src/lists/run.ts";
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

test("the record says what all agree on, and whatever any run had to complain of", () => {
  const merged = mergeRuns([
    run(["/a"], { complete: false, trouble: ["z", "queue overflow"], endedAt: new Date("2026-11-03") }),
    run(["/a", "/b\n"], { digest: undefined, trouble: ["z"], startedAt: new Date("2026-10-01") }),
  ]);
  const record = JSON.parse(formatMergedRecord(merged, "1.2.3"));
  expect(record).toMatchObject({
    complete: false,
    state: "ended",
    reason: "merged",
    trouble: ["queue overflow", "z"],
    image: { reference: "docker.io/library/app:1", name: "app:1" },
    optimizer: "1.2.3",
    started: "2026-10-01T00:00:00.000Z",
    ended: "2026-11-03T00:00:00.000Z",
    counts: { listed: 1, listedBytes: 200, unlistable: 1, events: 20 },
    merged: { runs: 2, hits: [2, 1] },
    layers: [2],
  });
  expect(record.image.digest).toBeUndefined();
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

/** A workload that opens the same files in about the same order, and some of its own each time. */
function generateRuns(count: number, next: () => number): Run[] {
  const stable = Array.from({ length: 40 }, (_, index) => `/stable/${index}`);
  return Array.from({ length: count }, (_, which) => {
    const paths = stable.flatMap((path) =>
      next() < 0.3 ? [path, `/extra/${which}/${Math.floor(next() * 1e6)}`] : [path],
    );
    const swap = Math.floor(next() * 39);
    return run([...paths.slice(0, swap), ...paths.slice(swap, swap + 2).reverse(), ...paths.slice(swap + 2)]);
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
