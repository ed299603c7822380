import { foldersOf } from "./folders.ts";
import type { ListFormat } from "./format.ts";
import { listLine } from "./list.ts";
import { blankAtEnd, newline, notUtf8, objectionTo } from "./per-file.ts";

const objections = [newline, notUtf8, blankAtEnd];

/**
 * One path a line. The builder refuses the whole list for one name that is not UTF-8, and takes a folder, as well as no
 * line at all, for a wish to have everything below.
 */
export const nydus: ListFormat = {
  description: "nydusify convert --prefetch-patterns, nydusd --prefetch-files",
  *entries(files, _, leaveOut) {
    const folders = foldersOf(files);
    for (const { path } of files) {
      const why = folders.has(path) ? "folder of other listed files" : objectionTo(path, objections);
      if (why === undefined) yield listLine(path);
      else leaveOut(path, why);
    }
  },
};
