import { strict, trim } from "./bytes.ts";
import type { Image } from "./image.ts";

/** F1: `nydusify convert --prefetch-patterns`. */
export function nydusPatterns(text: string, image: Image): string[] {
  const patterns: string[] = [];
  for (const line of strict(text).split("\n")) {
    const path = trim(line);
    if (!path.startsWith("/")) continue;
    if (!patterns.some((earlier) => isOrIsBelow(path, earlier))) patterns.push(path);
  }
  return filesOf(patterns.length === 0 ? ["/"] : patterns, image);
}

/** F3: `nydusd --prefetch-files`. */
export function nydusdFiles(text: string, image: Image): string[] {
  const paths = strict(text)
    .split("\n")
    .map(trim)
    .filter((path) => path !== "");
  return filesOf(paths, image);
}

/** A file, or all files of a folder; each where it is first named. */
function filesOf(paths: readonly string[], image: Image): string[] {
  const found = new Set<string>();
  for (const path of paths) {
    for (const file of image.files) if (isOrIsBelow(file, path)) found.add(file);
  }
  return [...found];
}

function isOrIsBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
