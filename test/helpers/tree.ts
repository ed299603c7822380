import { type BigIntStats, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What lies at a path. */
export interface Entry {
  readonly kind: "file" | "folder" | "link" | "other";
  /** The permissions, as `chmod` takes them. */
  readonly mode: string;
  readonly owner: string;
  /** Of a file its text as latin1, of a link its target, of a folder its number and last change. */
  readonly content: string;
}

/** All that is in a folder, by latin1 paths that begin at it; nothing below `except`. No link is followed. */
export function treeOf(folder: string, except?: string): Map<string, Entry> {
  const tree = new Map<string, Entry>();
  const walk = (path: string): void => {
    const entry = entryAt(path);
    tree.set(path.slice(folder.length) || "/", entry);
    if (entry.kind !== "folder") return;
    for (const name of readdirSync(bytes(path), { encoding: "latin1" })) {
      if (`${path}/${name}` !== except) walk(`${path}/${name}`);
    }
  };
  walk(folder);
  return tree;
}

/** The paths that are in one tree only, or that something else lies at. */
export function changedPaths(
  before: ReadonlyMap<string, Entry>,
  after: ReadonlyMap<string, Entry>,
): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return [...paths].filter((path) => !Bun.deepEquals(before.get(path), after.get(path)));
}

function entryAt(path: string): Entry {
  const stats = lstatSync(bytes(path), { bigint: true });
  const kind = kindOf(stats);
  return {
    kind,
    mode: (stats.mode & 0o7777n).toString(8),
    owner: `${stats.uid}:${stats.gid}`,
    content: contentAt(path, kind, stats),
  };
}

function kindOf(stats: BigIntStats): Entry["kind"] {
  if (stats.isSymbolicLink()) return "link";
  if (stats.isDirectory()) return "folder";
  return stats.isFile() ? "file" : "other";
}

function contentAt(path: string, kind: Entry["kind"], { ino, mtimeNs }: BigIntStats): string {
  switch (kind) {
    case "file":
      return readFileSync(bytes(path), "latin1");
    case "link":
      return readlinkSync(bytes(path), "latin1");
    case "folder":
      return `${ino} ${mtimeNs}`;
    case "other":
      return "";
  }
}

function bytes(path: string): Buffer {
  return Buffer.from(path, "latin1");
}
