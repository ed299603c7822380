import { blankAtEnd, notUtf8, perFile } from "./per-file.ts";
import { jsonString } from "./utf8.ts";

/** A JSON array of strings, which the reader trims. */
export const soci = perFile({
  description: "soci create or convert --prefetch-files-json",
  frame: { head: "[\n", between: ",\n", tail: "\n]\n" },
  objections: [notUtf8, blankAtEnd],
  entry: ({ path }) => jsonString(path),
});
