import type { Mount } from "../trace/mountinfo.ts";
import { inodeOf, kindOf, list, lstat } from "./host-files.ts";
import { findLayerFolders, missingFolder } from "./layer-folders.ts";
import { ImageLayers, type LayerReader } from "./layers.ts";

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
  const found = findLayerFolders(root);
  if (found === undefined) {
    const missing = missingFolder(root);
    const example = missing === undefined ? "" : ` (no "${missing}")`;
    return {
      layers: undefined,
      why: `the overlay's layers are not visible in this mount namespace${example}`,
    };
  }
  const { lower, upper } = found;
  const reader = { kind: kindOf, inode: inodeOf, list, xattr };
  // Where the upper directory is found too, it tells whether all is on one file system.
  const imageDevice = unseen?.imageDevice;
  const inodesTell =
    unseen === undefined
      ? upper !== undefined && isOneFileSystem([...lower, upper])
      : imageDevice !== undefined;
  const remapped = isRemapped(lower, xattr);
  return { layers: new ImageLayers(lower, reader, { inodesTell, imageDevice, remapped }) };
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
