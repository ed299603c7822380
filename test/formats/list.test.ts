import { describe, expect, test } from "bun:test";
import { isListable, listLine } from "../../src/formats/list.ts";

describe("isListable()", () => {
  for (const [path, listable] of [
    ["/a", true],
    ["/with blank", true],
    ["/a\rb", true],
    ["/\xff", true],
    ["/a\nb", false],
    ["/a\n", false],
  ] as const) {
    test(`${JSON.stringify(path)}: ${listable}`, () => {
      expect(isListable(path)).toBe(listable);
    });
  }
});

test("listLine() is the path and a newline", () => {
  expect(listLine('/a ",\xff')).toBe('/a ",\xff\n');
});
