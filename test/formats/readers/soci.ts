import { lenientJson, trim } from "./bytes.ts";
import type { Image } from "./image.ts";

/** F8: `soci create --prefetch-files-json`. */
export function sociPrefetch(text: string, image: Image): string[] {
  const paths = lenientJson(text);
  if (!Array.isArray(paths) || paths.some((path) => typeof path !== "string")) {
    throw new Error("Not an array of strings");
  }
  return paths.map(trim).filter((path) => image.files.has(path));
}
