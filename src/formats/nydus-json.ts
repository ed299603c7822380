import { notUtf8, perFile } from "./per-file.ts";
import { jsonString } from "./utf8.ts";

/** Version 1. An entry without ranges stands for the whole file. A path listed twice would end the build. */
export const nydusJson = perFile({
  description: "nydusify optimize --prefetch-files",
  frame: { head: '{"version":"v1","files":[\n', between: ",\n", tail: "\n]}\n" },
  objections: [notUtf8],
  entry: ({ path }) => `{"path":${jsonString(path)}}`,
});
