import { csvHeader, csvRow } from "./csv.ts";
import type { ListedFile } from "./listed-file.ts";
import { perFile } from "./per-file.ts";

/** The companion table of a result, exact. What is not known is 0: the table has no word for it. */
export const csv = perFile({
  description: "path,size,elapsed: bytes, microseconds; RFC 4180",
  frame: { head: csvHeader, between: "", tail: "" },
  objections: [],
  entry: exactRow,
});

/** The row of a file. */
export function exactRow({ path, sizeBytes = 0, elapsedUs = 0 }: ListedFile): string {
  return csvRow({ path, sizeBytes, elapsedUs }, "exact");
}
