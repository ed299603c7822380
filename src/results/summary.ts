import { isListable } from "../formats/list.ts";
import { RECORD_BYTES_MAX } from "../formats/record-size.ts";
import { csvRows } from "./csv-rows.ts";
import type { StoredFile, StoredResult } from "./find-results.ts";
import { readChunks } from "./read-chunks.ts";
import { parseRecord, type StoredRecord } from "./stored-record.ts";

/** What a list of results tells of one. */
export interface Summary {
  /** Latin1. */
  readonly name: string;
  readonly files: number;
  /** Undefined when nothing tells the sizes. */
  readonly bytes: number | undefined;
  /** When it ended; while it is recorded, when it began; without a record, when it was last written. */
  readonly when: Date;
  /** Undefined while it is recorded, and when nothing tells. */
  readonly complete: boolean | undefined;
  /** Why files made at run time are listed as well, if they are; empty where nothing tells why. */
  readonly unfiltered: string | undefined;
  /** How the recording ended, or what is wrong with the record of it. */
  readonly end: string;
  /** The same for a narrow column. */
  readonly endShort: string;
}

const shortEnds: Readonly<Record<string, string>> = {
  "container stopped": "stopped",
  "connection lost": "disconnected",
  "being recorded": "recording",
  "no reason recorded": "unknown",
};

/** The record of a result, or what is wrong with it. */
export function readRecord({ json }: StoredResult): StoredRecord | string {
  if (json === undefined) return "no record";
  if (json.sizeBytes > RECORD_BYTES_MAX) return "the record is too large";
  try {
    const text = Buffer.from([...readChunks(json)].join(""), "latin1").toString("utf8");
    const record = parseRecord(text);
    return typeof record === "string" ? `the record is ${record}` : record;
  } catch (error) {
    return `the record cannot be read: ${(error as NodeJS.ErrnoException).code ?? error}`;
  }
}

/** Reads as little of a result as tells what a line of the table needs. */
export function summarize(result: StoredResult): Summary {
  const record = readRecord(result);
  const { name } = result;
  const written = result.list ?? result.csv ?? result.json;
  if (typeof record === "string") {
    return {
      name,
      ...measure(result),
      when: written?.writtenAt ?? new Date(0),
      complete: undefined,
      unfiltered: undefined,
      end: record,
      endShort: result.json === undefined ? record : "bad record",
    };
  }
  const { counts, state, reason, complete } = record;
  const isRecording = state === "recording";
  // A record that is written at the start of a recording does not know yet.
  const known = !isRecording && counts.listed !== undefined;
  const end = isRecording ? "being recorded" : (reason ?? "no reason recorded");
  return {
    name,
    ...(known ? { files: counts.listed ?? 0, bytes: counts.listedBytes } : measure(result)),
    when: record.endedAt ?? record.startedAt ?? written?.writtenAt ?? new Date(0),
    complete: isRecording ? undefined : complete,
    // What was not traced at all has no list, and a record that says why.
    unfiltered: reason === "failed" ? undefined : record.unfiltered,
    end,
    endShort: shortEnds[end] ?? end,
  };
}

/** Counts by itself, what can be read. */
function measure({ list, csv }: StoredResult): Pick<Summary, "files" | "bytes"> {
  let rows = 0;
  let bytes = 0;
  try {
    for (const { path, sizeBytes } of csv === undefined ? [] : csvRows(csv)) {
      if (!isListable(path)) continue;
      rows++;
      bytes += sizeBytes;
    }
    return { files: list === undefined ? rows : countLines(list), bytes: rows === 0 ? undefined : bytes };
  } catch {
    return { files: rows, bytes: undefined }; // gone since, or another user's
  }
}

function countLines(list: StoredFile): number {
  let lines = 0;
  for (const chunk of readChunks(list)) {
    for (let at = chunk.indexOf("\n"); at >= 0; at = chunk.indexOf("\n", at + 1)) lines++;
  }
  return lines;
}
