import { describe, expect, test } from "bun:test";
import { diffLists } from "../../src/lists/diff.ts";
import { compareOrder } from "../../src/lists/order.ts";
import { random, testSeed } from "../helpers/random.ts";
import { shuffled } from "./runs.ts";

const sized = (entries: Record<string, number | undefined>) =>
  Object.entries(entries).map(([path, sizeBytes]) => ({ path, sizeBytes }));

describe("diffLists()", () => {
  test("tells what one has and the other not, and what A would be worth for B", () => {
    const a = sized({ "/both": 100, "/moved": 50, "/vain": 30 });
    const b = sized({ "/moved": 60, "/both": 100, "/missing": 240 });
    expect(diffLists(a, b)).toEqual({
      a: { files: 3, bytes: 180 },
      b: { files: 3, bytes: 400 },
      both: { files: 2, bytes: 160 },
      onlyA: [{ path: "/vain", sizeBytes: 30 }],
      onlyB: [{ path: "/missing", sizeBytes: 240 }],
      order: { tau: -1, moved: 1 },
      hitRate: { files: 2 / 3, bytes: 0.4 },
      inVain: { files: 1, bytes: 30 },
    });
  });

  test("a list against itself has all and nothing in vain", () => {
    const list = sized({ "/a": 1, "/b": 2 });
    const { hitRate, order, inVain } = diffLists(list, list);
    expect({ hitRate, order, inVain }).toEqual({
      hitRate: { files: 1, bytes: 1 },
      order: { tau: 1, moved: 0 },
      inVain: { files: 0, bytes: 0 },
    });
  });

  test("what sizes are not known for has no bytes", () => {
    const { both, hitRate, inVain } = diffLists(sized({ "/a": 1, "/b": 2 }), sized({ "/a": undefined }));
    expect(both).toEqual({ files: 1, bytes: undefined });
    expect(hitRate).toEqual({ files: 1, bytes: undefined });
    expect(inVain).toEqual({ files: 1, bytes: 2 });
  });

  test("of a run that opened nothing, nothing was missing", () => {
    expect(diffLists([], []).hitRate).toEqual({ files: 1, bytes: 1 });
  });
});

describe("compareOrder()", () => {
  const cases: [number[], number, number][] = [
    [[], 1, 0],
    [[7], 1, 0],
    [[0, 1, 2, 3], 1, 0],
    [[3, 2, 1, 0], -1, 3],
    [[1, 0, 2, 3], 1 - 2 / 6, 1],
    [[3, 0, 1, 2], 0, 1],
  ];
  for (const [places, tau, moved] of cases) {
    test(`${JSON.stringify(places)}: ${tau}, ${moved}`, () => {
      const difference = compareOrder(places);
      expect(difference.tau).toBeCloseTo(tau, 12);
      expect(difference.moved).toBe(moved);
    });
  }

  const seed = testSeed();
  test(`agrees with counting every pair (seed ${seed})`, () => {
    const next = random(seed);
    for (let round = 0; round < 50; round++) {
      const count = 2 + Math.floor(next() * 60);
      const places = shuffled(
        Array.from({ length: count }, (_, index) => index * 3),
        next,
      );
      let score = 0;
      for (let i = 0; i < count; i++) {
        for (let j = i + 1; j < count; j++) score += (places[i] ?? 0) < (places[j] ?? 0) ? 1 : -1;
      }
      expect(compareOrder(places).tau).toBeCloseTo(score / ((count * (count - 1)) / 2), 12);
    }
  });
});
