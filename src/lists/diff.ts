import type { ListedFile } from "../formats/listed-file.ts";
import { compareOrder, type OrderDifference } from "./order.ts";

/** Some files of a list, all in all. */
export interface Amount {
  readonly files: number;
  /** Undefined when a size is not known. */
  readonly bytes: number | undefined;
}

/** What two lists have in common, and what not. */
export interface Difference {
  readonly a: Amount;
  readonly b: Amount;
  /** Bytes as B has them: those that a start would read. */
  readonly both: Amount;
  readonly onlyA: readonly ListedFile[];
  readonly onlyB: readonly ListedFile[];
  /** Of the files that both have. */
  readonly order: OrderDifference;
  /** List A used for run B: the part of B, 0 to 1, that was there before it was asked for. */
  readonly hitRate: { readonly files: number; readonly bytes: number | undefined };
  /** What would have been fetched for nothing. */
  readonly inVain: Amount;
}

/** Compares two lists; each has a path once. */
export function diffLists(a: readonly ListedFile[], b: readonly ListedFile[]): Difference {
  const placeInA = new Map(a.map(({ path }, place) => [path, place]));
  const pathsOfB = new Set(b.map(({ path }) => path));
  const both = b.filter(({ path }) => placeInA.has(path));
  const onlyA = a.filter(({ path }) => !pathsOfB.has(path));
  const amounts = { a: amountOf(a), b: amountOf(b), both: amountOf(both), inVain: amountOf(onlyA) };
  return {
    ...amounts,
    onlyA,
    onlyB: b.filter(({ path }) => !placeInA.has(path)),
    order: compareOrder(both.map(({ path }) => placeInA.get(path) ?? 0)),
    hitRate: {
      files: rate(amounts.both.files, amounts.b.files),
      bytes:
        amounts.both.bytes === undefined || amounts.b.bytes === undefined
          ? undefined
          : rate(amounts.both.bytes, amounts.b.bytes),
    },
  };
}

/** How much files are. */
export function amountOf(files: readonly ListedFile[]): Amount {
  let bytes: number | undefined = 0;
  for (const { sizeBytes } of files) {
    bytes = bytes === undefined || sizeBytes === undefined ? undefined : bytes + sizeBytes;
  }
  return { files: files.length, bytes };
}

/** Of nothing, everything was there. */
function rate(part: number, all: number): number {
  return all === 0 ? 1 : part / all;
}
