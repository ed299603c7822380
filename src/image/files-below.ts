import { type Dirent, readdirSync } from "node:fs";
import { errorCode } from "../sys/errno.ts";

/**
 * For an unpacked image: lists all regular files below one of its folders, as absolute paths inside of the image, latin1.
 * No link is followed. Undefined where there is no such folder. What is returned throws an Error where a folder cannot
 * be read.
 */
export function filesBelow(rootfs: string): (folder: string) => string[] | undefined {
  const root = rootfs.replace(/\/+$/, "");
  return (folder) => {
    const files: string[] = [];
    try {
      collect(Buffer.from(root), folder.replace(/\/+$/, ""), files);
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return undefined;
      throw new Error(`Cannot read ${rootfs}: ${code ?? error}`, { cause: error });
    }
    return files;
  };
}

function collect(root: Buffer, folder: string, files: string[]): void {
  const path = Buffer.concat([root, Buffer.from(folder === "" ? "/" : folder, "latin1")]);
  for (const entry of readdirSync(path, { encoding: "latin1", withFileTypes: true }) as Dirent[]) {
    const below = `${folder}/${entry.name}`;
    if (entry.isDirectory()) collect(root, below, files);
    else if (entry.isFile()) files.push(below);
  }
}
