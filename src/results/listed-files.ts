import { isListable } from "../formats/list.ts";
import type { ListedFile } from "../formats/listed-file.ts";
import { csvRows } from "./csv-rows.ts";
import type { StoredResult } from "./find-results.ts";
import { readLines } from "./read-chunks.ts";
import type { StoredRecord } from "./stored-record.ts";

/**
 * The files of a result, with all that is known of them: from the table, or from the list when there is none that has
 * rows. Throws the system's error when it cannot be read.
 */
export function* listedFiles(result: StoredResult, record: StoredRecord | string): Generator<ListedFile> {
  const layers = typeof record === "string" ? undefined : record.layers;
  let line = 0;
  for (const file of rowsOf(result)) {
    // The table also has files that cannot stand in the list, and those have no layer.
    const layer = layers !== undefined && isListable(file.path) ? layers[line++] : undefined;
    yield layer === undefined || layer < 0 ? file : { ...file, layer };
  }
}

function* rowsOf({ list, csv }: StoredResult): Generator<ListedFile> {
  let rows = 0;
  for (const row of csv === undefined ? [] : csvRows(csv)) {
    rows++;
    yield row;
  }
  if (rows > 0 || list === undefined) return;
  for (const path of readLines(list)) yield { path };
}
