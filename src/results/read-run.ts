import { RECORD_BYTES_MAX } from "../formats/record-size.ts";
import type { Origin, Run } from "../lists/run.ts";
import type { StoredResult } from "./find-results.ts";
import { listedFiles } from "./listed-files.ts";
import type { StoredRecord } from "./stored-record.ts";
import { readRecord } from "./summary.ts";

/**
 * Reads a result, all of it, for work on lists. Throws an Error when it cannot be read, or when its files do not belong
 * together.
 */
export function readRun(result: StoredResult): Run {
  // Passed over, it would be taken for a list without a history.
  if ((result.json?.sizeBytes ?? 0) > RECORD_BYTES_MAX) {
    throw new Error(`${result.name}.json is too large to be read; make the list anew`);
  }
  const record = readRecord(result);
  const files = [...listedFiles(result, record)];
  const merged = typeof record === "string" ? undefined : record.merged;
  if (merged !== undefined && merged.hits.length !== files.length) {
    throw new Error(
      `${result.name}.json tells of ${merged.hits.length} files, its table has ${files.length}: they do not belong together; make the list anew`,
    );
  }
  return { files, merged, origin: originOf(record) };
}

function originOf(record: StoredRecord | string): Origin {
  if (typeof record === "string") return { trouble: [], counts: {} };
  const { reference, name, digest, layerCount, startedAt, endedAt, complete, reason, unfiltered, counts } =
    record;
  const ended = reason ?? (record.state === "recording" ? "still being recorded" : "an unknown reason");
  const trouble =
    complete !== false || record.trouble.length > 0 ? record.trouble : [`a recording ended early: ${ended}`];
  return {
    reference,
    name,
    digest,
    layerCount,
    startedAt,
    endedAt,
    complete,
    trouble,
    unfiltered,
    counts,
  };
}
