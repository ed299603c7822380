import { foldersOf } from "./folders.ts";
import type { LeaveOut, ListContext, ListFormat } from "./format.ts";
import { isListable } from "./list.ts";
import type { ListedFile } from "./listed-file.ts";
import { isUtf8 } from "./utf8.ts";

/** Says in a few words why a format cannot hold a path, or undefined. */
export type Objection = (path: string) => string | undefined;

/** What a format cannot hold. */
export interface Refusals {
  readonly objections: readonly Objection[];
  /** Whether a folder stands for all that is below it, listed or not: then none may be named. */
  readonly isRecursive?: boolean;
}

/** The files that can be expressed; the others are left out. */
export function* expressible(
  files: readonly ListedFile[],
  { objections, isRecursive = false }: Refusals,
  leaveOut: LeaveOut,
): Generator<ListedFile> {
  const folders = isRecursive ? foldersOf(files) : undefined;
  for (const file of files) {
    const why = folders?.has(file.path) ? "folder of other listed files" : firstOf(objections, file.path);
    if (why === undefined) yield file;
    else leaveOut(file.path, why);
  }
}

function firstOf(objections: readonly Objection[], path: string): string | undefined {
  for (const objection of objections) {
    const why = objection(path);
    if (why !== undefined) return why;
  }
  return undefined;
}

interface PerFile extends Pick<ListFormat, "description" | "frame">, Refusals {
  entry(file: ListedFile, context: ListContext): string;
}

/** A format with one entry for each file that it can express. */
export function perFile({ description, frame, entry, ...refusals }: PerFile): ListFormat {
  return {
    description,
    ...(frame && { frame }),
    *entries(files, context, leaveOut) {
      for (const file of expressible(files, refusals, leaveOut)) yield entry(file, context);
    },
  };
}

export function newline(path: string): string | undefined {
  return isListable(path) ? undefined : "newline in the name";
}

export function notUtf8(path: string): string | undefined {
  return isUtf8(path) ? undefined : "name that is not UTF-8";
}

/** The UTF-8 of a character of Unicode's White_Space, at the end. */
const trimmed =
  /(?:[\t-\r ]|\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)$/;

/** What trim() of Rust and strings.TrimSpace() of Go would cut. No path begins with a blank: "/" comes first. */
export function blankAtEnd(path: string): string | undefined {
  // Printable ASCII is never cut. It spares most paths the search.
  const last = path.charCodeAt(path.length - 1);
  return (last <= 0x20 || last >= 0x80) && trimmed.test(path) ? "blank at the end of the name" : undefined;
}
