import { notUtf8, perFile } from "./per-file.ts";
import { jsonString } from "./utf8.ts";

/** The part of slim's container report that it reads back: what to keep in the image. */
export const slim = perFile({
  description: "slim build --include-paths-creport-file",
  frame: { head: '{"image":{"files":[\n', between: ",\n", tail: "\n]}}\n" },
  objections: [notUtf8],
  entry: ({ path, sizeBytes }) =>
    `{"file_path":${jsonString(path)},"file_type":"File"${sizeBytes === undefined ? "" : `,"file_size":${sizeBytes}`}}`,
});
