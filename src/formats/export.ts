import type { LeaveOut, ListContext, ListFormat } from "./format.ts";
import type { ListedFile } from "./listed-file.ts";

/** The kernel's, without the NUL. No line gets so long that a reader would refuse it. */
const PATH_MAX = 4095;

/** The text of a list in a format, piece by piece. Nothing at all when no file could be expressed. */
export function* exportList(
  format: ListFormat,
  files: Iterable<ListedFile>,
  context: ListContext,
  leaveOut: LeaveOut,
): Generator<string> {
  const { head, between, tail } = format.frame ?? { head: "", between: "", tail: "" };
  let isEmpty = true;
  for (const entry of format.entries(clean(files, leaveOut), context, leaveOut)) {
    yield (isEmpty ? head : between) + entry;
    isEmpty = false;
  }
  if (!isEmpty) yield tail;
}

/** The files that any format may take: a list may have been written by anybody. */
function clean(files: Iterable<ListedFile>, leaveOut: LeaveOut): ListedFile[] {
  const seen = new Set<string>();
  const kept: ListedFile[] = [];
  for (const file of files) {
    if (!isCleanPath(file.path)) leaveOut(file.path, "not an absolute path without . and ..");
    else if (seen.has(file.path)) leaveOut(file.path, "listed twice");
    else if (file.path.length > PATH_MAX) leaveOut(file.path, "longer than a path can be");
    else {
      seen.add(file.path);
      kept.push(file);
    }
  }
  return kept;
}

/** Whether it names a file below "/", in the one way there is to write it. */
export function isCleanPath(path: string): boolean {
  return path.length > 1 && path.startsWith("/") && !/\/(?:\.{0,2})(?:\/|$)|\0/.test(path);
}
