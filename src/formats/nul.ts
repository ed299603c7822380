import { perFile } from "./per-file.ts";

/** Raw bytes, each path ended by a NUL, which no path has: nothing is ever left out. */
export const nul = perFile({
  description: "tar or rsync --null --files-from, xargs -0",
  objections: [],
  entry: ({ path }) => `${path}\0`,
});
