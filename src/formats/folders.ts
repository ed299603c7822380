import type { ListedFile } from "./listed-file.ts";

/** The folder of a clean, absolute path; "" stands for "/". */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** All folders above the files but "/". */
export function foldersOf(files: readonly ListedFile[]): Set<string> {
  const folders = new Set<string>();
  for (const { path } of files) {
    for (let folder = folderOf(path); folder !== "" && !folders.has(folder); folder = folderOf(folder)) {
      folders.add(folder);
    }
  }
  return folders;
}
