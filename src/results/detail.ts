import type { CsvFile } from "../formats/csv.ts";
import { isListable } from "../formats/list.ts";
import { csvRows } from "./csv-rows.ts";
import type { StoredResult } from "./find-results.ts";
import { readLines } from "./read-chunks.ts";
import type { StoredRecord } from "./stored-record.ts";
import { readRecord, type Summary, summarize } from "./summary.ts";

/** A file of a result; without its table only the path is known. */
export interface ListedFile extends Partial<Omit<CsvFile, "path">> {
  /** Latin1. */
  readonly path: string;
}

/** How much of a result comes from one layer. */
export interface LayerShare {
  /** 0 is the bottom, -1 none or unknown. */
  readonly layer: number;
  files: number;
  bytes: number;
}

/** One result, looked into. */
export interface Detail {
  readonly summary: Summary;
  readonly record: StoredRecord | string;
  readonly largest: readonly ListedFile[];
  readonly layers: readonly LayerShare[];
  readonly first: readonly ListedFile[];
  /** Those behind the first ones, the last ones of them. */
  readonly last: readonly ListedFile[];
}

const LARGEST = 10;
const FIRST = 10;
const LAST = 5;

/** Reads a result in one pass, whatever its size. Throws the system's error when it cannot be read. */
export function readDetail(result: StoredResult): Detail {
  const record = readRecord(result);
  const layerOfLine = typeof record === "string" ? undefined : record.layers;
  const largest = new Largest(LARGEST);
  const layers = new Map<number, LayerShare>();
  const first: ListedFile[] = [];
  let last: ListedFile[] = [];
  let line = 0;
  for (const file of filesOf(result)) {
    if (first.length < FIRST) {
      first.push(file);
    } else {
      last.push(file);
      if (last.length > 1000) last = last.slice(-LAST);
    }
    largest.add(file);
    // The table also has files that cannot stand in the list, and those have no layer.
    if (layerOfLine === undefined || !isListable(file.path)) continue;
    const layer = layerOfLine[line++] ?? -1;
    const share = layers.get(layer) ?? { layer, files: 0, bytes: 0 };
    share.files++;
    share.bytes += file.sizeBytes ?? 0;
    layers.set(layer, share);
  }
  return {
    summary: summarize(result),
    record,
    largest: largest.files,
    layers: [...layers.values()].sort((a, b) => a.layer - b.layer),
    first,
    last: last.slice(-LAST),
  };
}

/** From the table; from the list when there is none that has rows. */
function* filesOf({ list, csv }: StoredResult): Generator<ListedFile> {
  let rows = 0;
  for (const row of csv === undefined ? [] : csvRows(csv)) {
    rows++;
    yield row;
  }
  if (rows > 0 || list === undefined) return;
  for (const path of readLines(list)) yield { path };
}

/** Keeps the largest of the files that it is given, the largest first. */
class Largest {
  readonly #count: number;
  #files: ListedFile[] = [];

  constructor(count: number) {
    this.#count = count;
  }

  get files(): readonly ListedFile[] {
    return this.#files;
  }

  add(file: ListedFile): void {
    const size = file.sizeBytes;
    if (size === undefined || size === 0) return;
    const smallest = this.#files[this.#count - 1]?.sizeBytes ?? -1;
    if (size <= smallest) return;
    this.#files = [...this.#files, file]
      .sort((a, b) => (b.sizeBytes ?? 0) - (a.sizeBytes ?? 0))
      .slice(0, this.#count);
  }
}
