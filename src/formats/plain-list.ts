import { listLine } from "./list.ts";
import { newline, perFile } from "./per-file.ts";

/** The list as the plugin writes it: one path a line, raw bytes. */
export const plainList = perFile({
  description: "one path a line, as the plugin writes it",
  objections: [newline],
  entry: ({ path }) => listLine(path),
});
