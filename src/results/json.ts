import type { ListedFile } from "../formats/listed-file.ts";
import type { Detail } from "./detail.ts";
import type { StoredFile, StoredResult } from "./find-results.ts";
import type { StoredRecord } from "./stored-record.ts";
import type { Summary } from "./summary.ts";

/** A result of `optimizer list --json`; field names are a contract. */
export function listJson(
  { name, files, bytes, when, complete, end }: Summary,
  { list, csv, json }: StoredResult,
) {
  return {
    ...text("name", name),
    files,
    bytes: bytes ?? null,
    when: when.toISOString(),
    complete: complete ?? null,
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
    started: startedAt?.toISOString() ?? null,
    ended: endedAt?.toISOString() ?? null,
  };
}

/** A file of a list; null stands for what is not known. */
export function fileJson({ path: name, sizeBytes, elapsedUs }: ListedFile) {
  return { ...text("path", name), size: sizeBytes ?? null, elapsed: elapsedUs ?? null };
}

function path(stored: StoredFile | undefined): string | null {
  return stored === undefined ? null : stored.path.toString();
}

/** JSON is UTF-8: what is none comes as base64 besides, so that nothing is lost. */
function text(key: string, latin1: string): Record<string, string> {
  const bytes = Buffer.from(latin1, "latin1");
  const decoded = bytes.toString();
  if (Buffer.from(decoded).equals(bytes)) return { [key]: decoded };
  return { [key]: decoded, [`${key}Base64`]: bytes.toString("base64") };
}
