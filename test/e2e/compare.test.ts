import { describe, expect, test } from "bun:test";
import { compareLists, kendallTau } from "../../scripts/rig/compare.ts";

/** By its definition: over all pairs. */
function slowTau(sequence: readonly number[]): number {
  let sum = 0;
  let pairs = 0;
  for (let right = 1; right < sequence.length; right++) {
    for (let left = 0; left < right; left++) {
      sum += Math.sign((sequence[right] ?? 0) - (sequence[left] ?? 0));
      pairs++;
    }
  }
  return pairs === 0 ? 1 : sum / pairs;
}

describe("kendallTau()", () => {
  test.each([
    ["nothing", [], 1],
    ["one", [7], 1],
    ["the same order", [1, 2, 3], 1],
    ["the reverse", [3, 2, 1], -1],
    ["one swapped pair of four", [1, 3, 2, 4], 2 / 3],
  ])("of %s", (_, sequence, tau) => {
    expect(kendallTau(sequence)).toBeCloseTo(tau, 12);
  });

  test("is what its definition says, at random", () => {
    for (let length = 2; length < 60; length++) {
      const sequence = Array.from({ length }, () => Math.random());
      expect(kendallTau(sequence)).toBeCloseTo(slowTau(sequence), 12);
    }
  });
});

describe("compareLists()", () => {
  test("tells what is missing, what is too much, and the order of the rest", () => {
    expect(compareLists(["/b", "/a", "/x"], ["/a", "/b", "/c", "/d"])).toEqual({
      recall: 0.5,
      precision: 2 / 3,
      tau: -1,
      missing: ["/c", "/d"],
      surplus: ["/x"],
    });
  });

  test("refuses a list that has a path twice", () => {
    expect(() => compareLists(["/a", "/b", "/a"], ["/a"])).toThrow(
      'Cannot compare a list that has "/a" twice',
    );
  });
});
