import { lenientJson } from "./bytes.ts";
import type { Image } from "./image.ts";

/** F14: `tar --null --files-from`. */
export function nulPaths(text: string, image: Image): string[] {
  if (text !== "" && !text.endsWith("\0")) throw new Error("The last path has no end");
  return text.split("\0").filter((path) => image.files.has(path));
}

/** `tar --files-from` and the like. */
export function linePaths(text: string, image: Image): string[] {
  return text.split("\n").filter((path) => image.files.has(path));
}

/** Our own JSON, as a script would read it. */
export function jsonPaths(text: string, image: Image): string[] {
  const { version, files } = lenientJson(text) as {
    version: number;
    files: { path: string; pathBase64?: string }[];
  };
  if (version !== 1) throw new Error("Another version");
  return files
    .map(({ path, pathBase64 }) => (pathBase64 === undefined ? path : atob(pathBase64)))
    .filter((path) => image.files.has(path));
}

/** RFC 4180. */
export function csvPaths(text: string, image: Image): string[] {
  const records = [...text.matchAll(/("(?:[^"]|"")*"|[^",\n]*),(\d+|size),(\d+|elapsed)\n/gy)];
  if (records.map(([record]) => record).join("") !== text) throw new Error("Text between the records");
  return records
    .slice(1)
    .map(([, path = ""]) => (path.startsWith('"') ? path.slice(1, -1).replaceAll('""', '"') : path))
    .filter((path) => image.files.has(path));
}
