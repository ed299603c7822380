import { lstatSync, readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { errorCode } from "../sys/errno.ts";
import type { LayerInode, LayerReader, PathKind } from "./layers.ts";

/** What is at a path of this host; a link is a link. Latin1, like all paths here. */
export function kindOf(path: string): PathKind {
  const stats = lstat(path);
  if (stats === undefined) return "none";
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  // Overlay's classic whiteout is a character device with the number 0:0.
  return stats.isCharacterDevice() && stats.rdev === 0 ? "whiteout" : "other";
}

/** As LayerReader has it. */
export function inodeOf(path: string): LayerInode {
  const stats = lstat(path);
  return { number: Number(stats?.ino ?? 0), isShared: Number(stats?.nlink ?? 0) > 1 };
}

/** As LayerReader has it. */
export function list(path: string): ReturnType<LayerReader["list"]> {
  const files = new Set<string>();
  const others = new Set<string>();
  for (const entry of readdirSync(rawPath(path), { encoding: "latin1", withFileTypes: true })) {
    (entry.isFile() ? files : others).add(entry.name);
  }
  return { files, others };
}

/** What a path itself is; undefined when there is nothing. */
export function lstat(path: string): Stats | undefined {
  return look(() => lstatSync(rawPath(path), { throwIfNoEntry: false }));
}

/** Whether a path leads to a directory, be it through symbolic links. Opens nothing. */
export function leadsToDirectory(path: string): boolean {
  return look(() => statSync(rawPath(path), { throwIfNoEntry: false }))?.isDirectory() ?? false;
}

/** The same place without a symbolic link on the way; undefined when nothing is there any more. Opens nothing. */
export function realPath(path: string): string | undefined {
  // The kernel's rules: in `link/..` the dots are above the link's target. Node's other realpath drops both.
  return look(() => realpathSync.native(rawPath(path), "latin1"));
}

function look<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    const code = errorCode(error) ?? "";
    // A part of the path is no directory, or the name is longer than this layer's file system has it.
    if (["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"].includes(code)) return undefined;
    throw error;
  }
}

/** A latin1 path as `node:fs` takes it: a string would be encoded as UTF-8. */
function rawPath(path: string): string | Buffer {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what ASCII is
  return /^[\x00-\x7f]*$/.test(path) ? path : Buffer.from(path, "latin1");
}
