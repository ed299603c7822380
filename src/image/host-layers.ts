import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { errorCode } from "../sys/errno.ts";
import { type Mount, parseMountinfo } from "../trace/mountinfo.ts";
import { ImageLayers, type LayerReader, type PathKind } from "./layers.ts";
import { parseOverlayOptions, resolveLayers } from "./overlay.ts";

/** The layers of a root file system, or why they cannot be told. */
export type FoundLayers =
  | { readonly layers: ImageLayers }
  | { readonly layers: undefined; readonly why: string };

/** What is known of an overlay whose upper directory nobody sees. */
export interface UnseenUpper {
  /** As ImageLayers takes it; undefined where overlay does not tell the image's files from others. */
  readonly imageDevice: number | undefined;
}

/** Finds the layers of a container's root mount on this host. `xattr` reads an attribute of a latin1 path. */
export function findLayers(root: Mount, xattr: LayerReader["xattr"], unseen?: UnseenUpper): FoundLayers {
  if (root.fsType !== "overlay") {
    return { layers: undefined, why: `the root file system is ${root.fsType}, not overlay` };
  }
  const { lower, upper } = parseOverlayOptions(root.superOptions);
  const seen = mountPointsOf(root);
  const isDirectory = (path: string): boolean => kindOf(path) === "directory";
  // Where the upper directory can be found too, it tells whether all is on one file system.
  const all =
    upper === undefined ? undefined : resolveLayers({ lower: [...lower, upper], upper }, seen, isDirectory);
  const layers = all?.slice(0, -1) ?? resolveLayers({ lower, upper }, seen, isDirectory);
  if (layers === undefined) {
    return { layers: undefined, why: "the overlay's layers are not visible in this mount namespace" };
  }
  const reader = { kind: kindOf, inode: inodeOf, list, xattr };
  const imageDevice = unseen?.imageDevice;
  const inodesTell =
    unseen === undefined ? all !== undefined && isOneFileSystem(all) : imageDevice !== undefined;
  const remapped = isRemapped(layers, xattr);
  return { layers: new ImageLayers(layers, reader, { inodesTell, imageDevice, remapped }) };
}

/**
 * Whether the topmost layer is one that containerd 1.7 has put on the image's for a container in a user namespace, with a
 * copy of every file that belongs to the container's root. Overlay has made those copies, and marked their folder.
 */
function isRemapped([top, below]: readonly string[], xattr: LayerReader["xattr"]): boolean {
  if (top === undefined || below === undefined) return false;
  const owner = lstat(top)?.uid;
  return owner !== 0 && owner !== lstat(below)?.uid && xattr(top, "trusted.overlay.impure") === "y";
}

/** Then overlay shows each file with the number that it has in its layer. */
function isOneFileSystem(folders: readonly string[]): boolean {
  return new Set(folders.map((path) => lstat(path)?.dev)).size === 1;
}

function inodeOf(path: string): number | "shared" {
  const stats = lstat(path);
  if (stats === undefined) return 0;
  return Number(stats.nlink) > 1 ? "shared" : Number(stats.ino);
}

/** Where the host sees the same super block. */
function mountPointsOf({ device }: Mount): string[] {
  return parseMountinfo(readFileSync("/proc/self/mountinfo", "latin1"))
    .filter((mount) => mount.device === device)
    .map((mount) => mount.mountPoint);
}

function kindOf(path: string): PathKind {
  const stats = lstat(path);
  if (stats === undefined) return "none";
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  // Overlay's classic whiteout is a character device with the number 0:0.
  return stats.isCharacterDevice() && stats.rdev === 0 ? "whiteout" : "other";
}

function list(path: string): ReturnType<LayerReader["list"]> {
  const files = new Set<string>();
  const others = new Set<string>();
  for (const entry of readdirSync(rawPath(path), { encoding: "latin1", withFileTypes: true })) {
    (entry.isFile() ? files : others).add(entry.name);
  }
  return { files, others };
}

function lstat(path: string): ReturnType<typeof lstatSync> | undefined {
  try {
    return lstatSync(rawPath(path), { throwIfNoEntry: false });
  } catch (error) {
    const code = errorCode(error);
    // A part of the path is no directory, or the name is longer than this layer's file system has it.
    if (code === "ENOTDIR" || code === "ENAMETOOLONG" || code === "ELOOP") return undefined;
    throw error;
  }
}

/** A latin1 path as `node:fs` takes it: a string would be encoded as UTF-8. */
function rawPath(path: string): string | Buffer {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what ASCII is
  return /^[\x00-\x7f]*$/.test(path) ? path : Buffer.from(path, "latin1");
}
