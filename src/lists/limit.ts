import type { ListedFile } from "../formats/listed-file.ts";

/** How much of a list is wanted; undefined is all. */
export interface Limits {
  readonly bytes?: number | undefined;
  readonly files?: number | undefined;
  /** Only files that were opened within so many microseconds. */
  readonly withinUs?: number | undefined;
}

/**
 * The beginning of a list, up to the first file that would exceed a limit. Throws an Error when sizes or times are not
 * known that a limit needs.
 */
export function* limitFiles(files: Iterable<ListedFile>, limits: Limits): Generator<ListedFile> {
  const { bytes = Number.POSITIVE_INFINITY, files: count = Number.POSITIVE_INFINITY, withinUs } = limits;
  let leftBytes = bytes;
  let leftFiles = count;
  for (const file of files) {
    // A merged list is not in the order of time: what follows may be earlier.
    if (withinUs !== undefined && known(file.elapsedUs, "times", "--within") > withinUs) continue;
    if (limits.bytes !== undefined) leftBytes -= known(file.sizeBytes, "sizes", "--limit-bytes");
    if (leftBytes < 0 || leftFiles-- <= 0) return;
    yield file;
  }
}

function known(value: number | undefined, what: string, flag: string): number {
  if (value !== undefined) return value;
  throw new Error(`${flag} needs ${what}, which stand in the .csv beside a list, and there is none`);
}
