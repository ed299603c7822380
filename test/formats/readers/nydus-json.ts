import { strictJson } from "./bytes.ts";
import type { Image } from "./image.ts";

/** F2: `nydusify optimize --prefetch-files`. */
export function nydusOptimize(text: string, image: Image): string[] {
  if (text.trim() === "") return [];
  const { version, files } = strictJson(text) as {
    version: string;
    files: { path: string; ranges?: [number, number][] }[];
  };
  if (version !== "v1") throw new Error(`unsupported prefetch file version: ${version}`);
  const moved = new Set<string>();
  for (const { path, ranges } of files) {
    if (!path.startsWith("/") || !image.files.has(path)) continue;
    // An empty array of ranges would be no byte of the file.
    if (ranges !== undefined) throw new Error(`${path} has ranges that nobody knows`);
    if (moved.has(path)) throw new Error("failed to get blob id");
    moved.add(path);
  }
  return [...moved];
}
