import { lstatSync } from "node:fs";

/** Those paths that are regular files of a layer, each once. */
export function imageFiles(paths: Iterable<string>, layers: readonly string[]): Set<string> {
  const isFile = (path: string) =>
    layers.some((layer) => lstatSync(layer + path, { throwIfNoEntry: false })?.isFile() === true);
  return new Set([...new Set(paths)].filter(isFile));
}
