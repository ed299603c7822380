import type { ListContext, ListFormat } from "./format.ts";
import { isListable } from "./list.ts";
import type { ListedFile } from "./listed-file.ts";
import { isUtf8 } from "./utf8.ts";

/** Says in a few words why a format cannot hold a path, or undefined. */
export type Objection = (path: string) => string | undefined;

interface PerFile extends Pick<ListFormat, "description" | "frame"> {
  readonly objections: readonly Objection[];
  entry(file: ListedFile, context: ListContext): string;
}

/** A format where what becomes of a file does not depend on the others. */
export function perFile({ objections, entry, ...format }: PerFile): ListFormat {
  return {
    ...format,
    *entries(files, context, leaveOut) {
      for (const file of files) {
        const why = objectionTo(file.path, objections);
        if (why === undefined) yield entry(file, context);
        else leaveOut(file.path, why);
      }
    },
  };
}

/** The first of the objections. */
export function objectionTo(path: string, objections: readonly Objection[]): string | undefined {
  for (const objection of objections) {
    const why = objection(path);
    if (why !== undefined) return why;
  }
  return undefined;
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
