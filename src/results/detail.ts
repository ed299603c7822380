import { isListable } from "../formats/list.ts";
import type { ListedFile } from "../formats/listed-file.ts";
import type { StoredResult } from "./find-results.ts";
import { listedFiles } from "./listed-files.ts";
import type { StoredRecord } from "./stored-record.ts";
import { readRecord, type Summary, summarize } from "./summary.ts";

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
  const hasLayers = typeof record !== "string" && record.layers !== undefined;
  const largest = new Largest(LARGEST);
  const layers = new Map<number, LayerShare>();
  const first: ListedFile[] = [];
  let last: ListedFile[] = [];
  for (const file of listedFiles(result, record)) {
    if (first.length < FIRST) {
      first.push(file);
    } else {
      last.push(file);
      if (last.length > 1000) last = last.slice(-LAST);
    }
    largest.add(file);
    if (!hasLayers || !isListable(file.path)) continue;
    const { layer = -1 } = file;
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
