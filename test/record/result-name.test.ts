import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { parseReference } from "../../src/image/reference.ts";
import { resultName } from "../../src/record/result-name.ts";
import { testSeed } from "../helpers/random.ts";

const container = { name: "web", id: "c0ffee" };

describe("resultName()", () => {
  for (const [image, name] of [
    ["docker.io/library/nginx:latest", "nginx:latest"],
    ["ghcr.io/org/app:1", "ghcr.io/org/app:1"],
    ["localhost:5000/app:1", "localhost:5000/app:1"],
    ["", "_unnamed/web"],
    [`sha256:${"a".repeat(64)}`, "_unnamed/web"],
    ["../../etc/passwd", "_unnamed/web"],
    ["app:v1.csv", "_unnamed/web"],
    ["app:v1.json", "_unnamed/web"],
    ["app:v1.csv2", "app:v1.csv2"],
    [`${"a".repeat(201)}/app:1`, "_unnamed/web"],
    [`${"a".repeat(200)}/app:1`, `${"a".repeat(200)}/app:1`],
  ] as const) {
    test(`of image "${image.slice(0, 40)}" (${image.length} characters) is ${name.slice(0, 40)}`, () => {
      expect(resultName(parseReference(image), container)).toBe(name);
    });
  }

  for (const [name, id, expected] of [
    ["web", "c0ffee", "_unnamed/web"],
    ["a/b c\n", "c0ffee", "_unnamed/a_b_c_"],
    ["", "c0ffee", "_unnamed/c0ffee"],
    ["..", "c0ffee", "_unnamed/c0ffee"],
    ["../..", "c0ffee", "_unnamed/c0ffee"],
    ["///", "c0ffee", "_unnamed/c0ffee"],
    ["x.json", "c0ffee", "_unnamed/c0ffee"],
    ["", "..", "_unnamed/container"],
    ["n".repeat(300), "c0ffee", `_unnamed/${"n".repeat(200)}`],
  ] as const) {
    test(`of container ${JSON.stringify(name.slice(0, 20))} with id "${id}" is ${expected.slice(0, 30)}`, () => {
      expect(resultName(undefined, { name, id })).toBe(expected);
    });
  }

  test("never leaves the folder, and never ends as a companion file does", () => {
    const seed = testSeed();
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.stringMatching(/^[a-z0-9./:@_-]{0,30}$/),
      fc.constantFrom("..", ".", "/", "../..", "a/../..", "\0", "a:1.csv", "x.csv"),
    );
    fc.assert(
      fc.property(text, text, text, (image, name, id) => {
        const result = resultName(parseReference(image), { name, id });
        const path = join("/data/lists", result);
        expect(path).toBe(`/data/lists/${result}`);
        expect(result).toMatch(/^[^/\0\s]+(\/[^/\0\s]+)*$/);
        expect(result).not.toMatch(/\.(csv|json)$/);
        for (const part of result.split("/")) expect(Buffer.byteLength(part)).toBeLessThanOrEqual(200);
      }),
      { seed, numRuns: 2000 },
    );
  });
});
