import type { ListedFile } from "../formats/listed-file.ts";
import { jsonText } from "../formats/utf8.ts";
import { countRuns } from "../lists/completeness.ts";
import type { Detail } from "./detail.ts";
import type { StoredFile, StoredResult } from "./find-results.ts";
import type { StoredRecord } from "./stored-record.ts";
import type { Summary } from "./summary.ts";

/** A result of `optimizer list --json`; field names are a contract. */
export function listJson(
  { name, files, bytes, when, complete, unfiltered, end }: Summary,
  { list, csv, json }: StoredResult,
) {
  return {
    ...jsonText("name", name),
    files,
    bytes: bytes ?? null,
    when: when.toISOString(),
    complete: complete ?? null,
    unfiltered: unfiltered ?? null,
    end,
    list: path(list),
    csv: path(csv),
    json: path(json),
  };
}

/** `optimizer show --json`; the record has what could be read of the json file. */
export function detailJson({ summary, record, largest, layers, first, last }: Detail, result: StoredResult) {
  return {
    ...listJson(summary, result),
    record: typeof record === "string" ? null : recordJson(record),
    largest: largest.map(fileJson),
    layers,
    first: first.map(fileJson),
    last: last.map(fileJson),
  };
}

function recordJson({ layers: _, startedAt, endedAt, merged, ...known }: StoredRecord) {
  return {
    ...known,
    runs: merged?.runs ?? 1,
    ...(merged && { incompleteRuns: countRuns(merged.completeness.incomplete) }),
    started: startedAt?.toISOString() ?? null,
    ended: endedAt?.toISOString() ?? null,
  };
}

/** A file of a list; null stands for what is not known. */
export function fileJson({ path: name, sizeBytes, elapsedUs }: ListedFile) {
  return { ...jsonText("path", name), size: sizeBytes ?? null, elapsed: elapsedUs ?? null };
}

function path(stored: StoredFile | undefined): string | null {
  return stored === undefined ? null : stored.path.toString();
}
