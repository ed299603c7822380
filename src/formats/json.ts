import { perFile } from "./per-file.ts";
import { isUtf8, jsonString, jsonText, toLatin1 } from "./utf8.ts";

/**
 * Our own, without loss: `{"version":1,"files":[…]}`, for each file `path`, `pathBase64` where the path is not UTF-8,
 * `size` in bytes, `elapsed` in microseconds and `layer`, as in the report of a trace. What is not known is null.
 */
export const json = perFile({
  description: "path, size, elapsed and layer of each file",
  frame: { head: '{"version":1,"files":[\n', between: ",\n", tail: "\n]}\n" },
  objections: [],
  entry: ({ path, sizeBytes, elapsedUs, layer }) =>
    `{${pathProperties(path)},"size":${sizeBytes ?? null},"elapsed":${elapsedUs ?? null},"layer":${layer ?? null}}`,
});

function pathProperties(path: string): string {
  if (isUtf8(path)) return `"path":${jsonString(path)}`;
  return toLatin1(JSON.stringify(jsonText("path", path)).slice(1, -1));
}
