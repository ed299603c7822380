import type { Image } from "./image.ts";

const LINE_MAX = 16_384;

/** `mksquashfs DIR IMG -sort`: the files that come before the rest, of one priority in the order of the image. */
export function squashfsSort(text: string, image: Image): string[] {
  const priorities = squashfsPriorities(text, image);
  return [...image.files]
    .map((path) => [path, priorityOf(path, priorities)] as const)
    .filter(([, priority]) => priority > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([path]) => path);
}

/** The priority of each path that the text names, of the source folder as "/.": in the order of the lines. */
export function squashfsPriorities(text: string, image: Image): Map<string, number> {
  const priorities = new Map<string, number>();
  for (const line of text.split("\n").map((each) => each.replace(/^[\t-\r ]+/, ""))) {
    if (line.length >= LINE_MAX) throw new Error("Line too long");
    const [path, rest] = unescaped(line);
    if (line.startsWith("#") || path === "") continue;
    const priority = Number(/^[\t-\r ]+(-?\d+)[\t-\r ]*$/.exec(rest)?.[1] ?? Number.NaN);
    if (!(priority >= -32_768 && priority <= 32_767))
      throw new Error(`No priority in ${JSON.stringify(line)}`);
    if (/^\.{0,2}\//.test(path)) throw new Error(`${path} is not taken as a path of the image`);
    const name = `/${path.replace(/\/\*$/, "")}`;
    if (priorities.size === 0 && name !== "/." && !image.files.has(name)) {
      throw new Error(
        "All paths may be taken as those of the working directory: the first is not in the image",
      );
    }
    priorities.set(name, priority);
  }
  return priorities;
}

/** The name up to a blank that no backslash escapes, and what follows. */
function unescaped(line: string): [name: string, rest: string] {
  const [escaped = ""] = /^(?:\\.|[^\\\t-\r ])*/s.exec(line) ?? [];
  return [escaped.replaceAll(/\\(.)/gs, "$1"), line.slice(escaped.length)];
}

/** A file without a line of its own has that of the nearest folder with one. */
function priorityOf(path: string, priorities: ReadonlyMap<string, number>): number {
  if (path === "") return 0;
  return priorities.get(path) ?? priorityOf(path.slice(0, path.lastIndexOf("/")), priorities);
}
