import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { matchesGlob } from "../src/glob.ts";
import { testSeed } from "./helpers/random.ts";

describe("matchesGlob()", () => {
  for (const [glob, text, matches] of [
    ["", "", true],
    ["", "a", false],
    ["*", "", true],
    ["*", "a/b", true],
    ["nginx:*", "nginx:latest", true],
    ["nginx:*", "org/nginx:latest", false],
    ["*/nginx:*", "ghcr.io/org/nginx:1", true],
    ["web-?", "web-0", true],
    ["web-?", "web-", false],
    ["web-?", "web-10", false],
    ["?", "/", true],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "a-c-b", false],
    ["**a**", "bab", true],
    ["a", "a\n", false],
    ["*\n*", "a\nb", true],
    ["*a", "*ba", true],
    ["[a-z]", "a", false],
    ["a.b", "axb", false],
  ] as const) {
    test(`${JSON.stringify(glob)} ${matches ? "is" : "is not"} ${JSON.stringify(text)}`, () => {
      expect(matchesGlob(glob, text)).toBe(matches);
    });
  }

  test("says what a regular expression says", () => {
    const seed = testSeed();
    const pieces = fc.stringMatching(/^[ab*?/]{0,12}$/);
    fc.assert(
      fc.property(pieces, pieces, (glob, text) => {
        const pattern = [...glob]
          .map((each) => (each === "*" ? "[^]*" : each === "?" ? "[^]" : each))
          .join("");
        expect(matchesGlob(glob, text)).toBe(new RegExp(`^${pattern}$`).test(text));
      }),
      { seed, numRuns: 5000 },
    );
  });

  test("takes no longer for many stars than the product of both lengths", () => {
    const [glob, text] = [`${"a*".repeat(500)}b`, "a".repeat(5000)];
    const began = performance.now();
    expect(matchesGlob(glob, text)).toBe(false);
    // A matcher that tries every star again would not end in this life.
    expect(performance.now() - began).toBeLessThan(1000);
  });
});
