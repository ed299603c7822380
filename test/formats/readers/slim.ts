import { lenientJson } from "./bytes.ts";
import type { Image } from "./image.ts";

/** F12: `slim build --include-paths-creport-file`; a folder is included as a whole. */
export function slimIncludes(text: string, image: Image): string[] {
  const report = lenientJson(text) as { image: { files: { file_path: string; file_size?: number }[] } };
  for (const { file_size: size } of report.image.files) {
    if (size !== undefined && !Number.isInteger(size)) throw new Error("A size that is no integer");
  }
  return report.image.files.flatMap(({ file_path: path }) =>
    image.files.has(path) ? [path] : (image.filesBelow(path) ?? []),
  );
}
