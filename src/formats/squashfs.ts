import { foldersOf } from "./folders.ts";
import type { ListFormat } from "./format.ts";
import { newline, objectionTo } from "./per-file.ts";

/** What is not listed has 0. */
const PRIORITY_MAX = 32_767;

const objections = [newline, star];

/**
 * `path priority` a line, the path relative to the source folder. The highest priority, 32767, is the first file's; more
 * files than there are priorities share them evenly, and their order within one is mksquashfs's own.
 *
 * The last files come first: of two names of one file, mksquashfs takes the last line. The line for the source folder
 * itself changes nothing, but tells from the start that paths are relative to it; otherwise a first path that is missing
 * there, but not in the working directory, would turn all others into paths of the working directory.
 */
export const squashfs: ListFormat = {
  description: "mksquashfs -sort",
  frame: { head: ". 0\n", between: "", tail: "" },
  *entries(files, _, leaveOut) {
    const folders = foldersOf(files);
    const kept: string[] = [];
    for (const { path } of files) {
      const why = folders.has(path) ? "folder of other listed files" : objectionTo(path, objections);
      if (why === undefined) kept.push(path);
      else leaveOut(path, why);
    }
    const priorities = Math.min(kept.length, PRIORITY_MAX);
    for (const [index, path] of kept.reverse().entries()) {
      const place = kept.length - 1 - index;
      yield `${escaped(path.slice(1))} ${PRIORITY_MAX - Math.floor((place * priorities) / kept.length)}\n`;
    }
  },
};

/** An escaped star is one all the same. */
function star(path: string): string | undefined {
  return path.endsWith("/*") && path !== "/*" ? "name that stands for its whole folder" : undefined;
}

/** Escapes what isspace() of the C locale takes, the backslash, and the mark of a comment. */
function escaped(path: string): string {
  return /[\t-\r \\]|^#/.test(path) ? path.replaceAll(/[\t-\r \\]|^#/g, "\\$&") : path;
}
