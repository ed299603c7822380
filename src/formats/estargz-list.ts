import { listLine } from "./list.ts";
import { blankAtEnd, newline, perFile } from "./per-file.ts";

/** One path a line, in any encoding. There is no way to keep a name with `*`, `?` or `[` from being a pattern. */
export const estargzList = perFile({
  description: "ctr-remote image optimize --prefetch-list",
  objections: [newline, blankAtEnd, pattern],
  entry: ({ path }) => listLine(path),
});

function pattern(path: string): string | undefined {
  return /[*?[]/.test(path) ? "name that would be taken as a pattern" : undefined;
}
