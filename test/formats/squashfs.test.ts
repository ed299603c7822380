import { expect, test } from "bun:test";
import { squashfs } from "../../src/formats/squashfs.ts";
import { exported } from "./exported.ts";
import { Image } from "./readers/image.ts";
import { squashfsPriorities } from "./readers/squashfs.ts";

function prioritiesOf(...paths: readonly string[]): Map<string, number> {
  const { text } = exported(
    squashfs,
    paths.map((path) => ({ path })),
  );
  return squashfsPriorities(text, new Image([]));
}

test("The first file has the highest priority, and each next one less", () => {
  const priorities = prioritiesOf("/a", "/b/c", "/d");
  expect(["/a", "/b/c", "/d"].map((path) => priorities.get(path))).toEqual([32_767, 32_766, 32_765]);
});

test("Of two names of one file the first decides: its line comes last", () => {
  expect([...prioritiesOf("/sh", "/other", "/wget").keys()]).toEqual(["/.", "/wget", "/other", "/sh"]);
});

for (const count of [32_767, 32_768, 100_000]) {
  test(`${count} files share the priorities evenly, in their order, and all come before the rest`, () => {
    const paths = Array.from({ length: count }, (_, index) => `/${index}`);
    const priorities = prioritiesOf(...paths);
    const inOrder = paths.map((path) => priorities.get(path) ?? 0);
    expect(inOrder).toEqual(inOrder.toSorted((a, b) => b - a));
    expect(inOrder[0]).toBe(32_767);
    expect(inOrder.at(-1)).toBe(1);
    const shares = Map.groupBy(inOrder, (priority) => priority)
      .values()
      .map(({ length }) => length);
    expect(Math.max(...shares)).toBe(Math.ceil(count / 32_767));
  });
}
