import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import type { TarWriter } from "./tar.ts";

/** A name inside an image: text is UTF-8, a Buffer is taken byte by byte. A leading slash does not matter. */
export type LayerPath = string | Buffer;

/** One thing that a layer adds to, or takes from, what lies below it. */
export type LayerEntry = {
  readonly path: LayerPath;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
} & (
  | { readonly kind: "file"; readonly content: string | Uint8Array }
  /** A file with the content of a file of the host. */
  | { readonly kind: "copy"; readonly source: string }
  /** A file that is one hole. It takes no space in the layer; containerd writes it out in full when unpacking. */
  | { readonly kind: "sparse"; readonly size: number }
  | { readonly kind: "folder" }
  | { readonly kind: "symlink"; readonly target: LayerPath }
  /** Another name of a file that stands earlier in the same layer. containerd gives the file this entry's mode. */
  | { readonly kind: "hardlink"; readonly target: LayerPath }
  /** Takes away what the layers below have at `path`. */
  | { readonly kind: "whiteout" }
  /** Makes a folder that hides everything the layers below have in it. */
  | { readonly kind: "opaque" }
);

export type Layer = Iterable<LayerEntry>;

/** Writes a layer's entries in their order; later ones may refer to earlier ones. */
export function writeLayer(tar: TarWriter, layer: Layer): void {
  for (const entry of layer) writeEntry(tar, entry);
}

function writeEntry(tar: TarWriter, entry: LayerEntry): void {
  const name = toName(entry.path);
  const common = { uid: entry.uid ?? 0, gid: entry.gid ?? 0 };
  switch (entry.kind) {
    case "file": {
      const content = typeof entry.content === "string" ? Buffer.from(entry.content) : entry.content;
      return tar.add({ ...common, name, type: "file", mode: entry.mode ?? 0o644 }, content);
    }
    case "copy": {
      const { size, mode } = lstatSync(entry.source);
      return tar.addFrom(
        { ...common, name, type: "file", mode: entry.mode ?? mode & 0o7777 },
        entry.source,
        size,
      );
    }
    case "sparse":
      return tar.add({ ...common, name, type: "sparse", mode: entry.mode ?? 0o644, size: entry.size });
    case "folder":
      return tar.add({
        ...common,
        name: Buffer.concat([name, SLASH]),
        type: "folder",
        mode: entry.mode ?? 0o755,
      });
    case "symlink":
      return tar.add({ ...common, name, type: "symlink", mode: 0o777, target: toBytes(entry.target) });
    case "hardlink":
      return tar.add({
        ...common,
        name,
        type: "hardlink",
        mode: entry.mode ?? 0o644,
        target: toName(entry.target),
      });
    case "whiteout": {
      const cut = name.lastIndexOf(0x2f) + 1;
      const marker = Buffer.concat([name.subarray(0, cut), Buffer.from(".wh."), name.subarray(cut)]);
      return tar.add({ name: marker, type: "file", mode: 0o644 });
    }
    case "opaque": {
      writeEntry(tar, { ...entry, kind: "folder" });
      return tar.add({
        name: Buffer.concat([name, Buffer.from("/.wh..wh..opq")]),
        type: "file",
        mode: 0o644,
      });
    }
  }
}

/**
 * Everything in a folder of the host, as root owns it and with links kept as links; sockets, devices and the like are
 * left out. `omit` is asked for each path ("/usr/x") and leaves it out with all that is below it.
 */
export function* folderLayer(
  folder: string,
  omit: (path: string) => boolean = () => false,
): Generator<LayerEntry> {
  yield* walk(folder, "", omit, new Map());
}

function* walk(
  folder: string,
  below: string,
  omit: (path: string) => boolean,
  inodes: Map<bigint, string>,
): Generator<LayerEntry> {
  for (const name of readdirSync(`${folder}${below}`).sort()) {
    const path = `${below}/${name}`;
    if (omit(path)) continue;
    const source = `${folder}${path}`;
    const stat = lstatSync(source, { bigint: true });
    const mode = Number(stat.mode) & 0o7777;
    const first = inodes.get(stat.ino);
    if (stat.isSymbolicLink()) yield { kind: "symlink", path, target: readlinkSync(source) };
    else if (stat.isDirectory()) {
      yield { kind: "folder", path, mode };
      yield* walk(folder, path, omit, inodes);
    } else if (stat.isFile()) {
      if (first !== undefined) yield { kind: "hardlink", path, target: first, mode };
      else yield { kind: "copy", path, source, mode };
      if (stat.nlink > 1n) inodes.set(stat.ino, path);
    }
  }
}

const SLASH = Buffer.from("/");

function toBytes(path: LayerPath): Buffer {
  return typeof path === "string" ? Buffer.from(path) : path;
}

function toName(path: LayerPath): Buffer {
  const bytes = toBytes(path);
  return bytes[0] === 0x2f ? bytes.subarray(1) : bytes;
}
