import { listLine } from "./list.ts";
import { blankAtEnd, newline, notUtf8, perFile } from "./per-file.ts";

/**
 * One path a line, which the readers trim. They refuse the whole list for one name that is not UTF-8, and take an empty
 * list for a wish to have the whole image.
 */
export const nydus = perFile({
  description: "nydusify convert --prefetch-patterns, nydusd --prefetch-files",
  objections: [newline, notUtf8, blankAtEnd],
  isRecursive: true,
  entry: ({ path }) => listLine(path),
});
