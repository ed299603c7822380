import type { Layer, LayerEntry, LayerPath } from "../../scripts/rig/layers.ts";

type Node = { readonly kind: "file"; readonly layer: number } | { readonly kind: "folder" | "symlink" };

/**
 * The regular files of an image, each with the layer it comes from (0 = bottom), by the words of the OCI image
 * specification: whiteouts take away what lower layers have, opaque ones all that is in a folder; an entry replaces
 * what was at its path, except that a folder keeps what is in it. Paths are latin1.
 */
export function applyLayers(layers: readonly Layer[]): Map<string, number> {
  const nodes = new Map<string, Node>();
  for (const [layer, entries] of layers.map((entries) => [...entries]).entries()) {
    for (const entry of entries) {
      const path = toText(entry.path);
      if (entry.kind === "whiteout") nodes.delete(path);
      if (entry.kind === "whiteout" || entry.kind === "opaque") deleteBelow(nodes, path);
    }
    for (const { kind, path } of entries) {
      if (kind !== "whiteout") put(nodes, toText(path), toNode(kind, layer));
    }
  }
  return new Map(
    [...nodes].flatMap(([path, node]) => (node.kind === "file" ? [[path, node.layer] as const] : [])),
  );
}

function toNode(kind: Exclude<LayerEntry["kind"], "whiteout">, layer: number): Node {
  switch (kind) {
    case "file":
    case "copy":
    case "sparse":
    case "hardlink":
      return { kind: "file", layer };
    case "folder":
    case "opaque":
      return { kind: "folder" };
    case "symlink":
      return { kind: "symlink" };
  }
}

function put(nodes: Map<string, Node>, path: string, node: Node): void {
  const parent = path.slice(0, path.lastIndexOf("/"));
  if (parent !== "") put(nodes, parent, { kind: "folder" });
  if (node.kind !== "folder") deleteBelow(nodes, path);
  nodes.set(path, node);
}

function deleteBelow(nodes: Map<string, Node>, path: string): void {
  for (const other of [...nodes.keys()]) if (other.startsWith(`${path}/`)) nodes.delete(other);
}

function toText(path: LayerPath): string {
  return typeof path === "string" ? Buffer.from(path).toString("latin1") : path.toString("latin1");
}

const NAMES = ["a", "b", "c", "\xff", "\xe9\xa0"];
const DEPTH_MAX = 4;

/**
 * Layers below /t that do to each other whatever layers can: few names, so that they meet. The same for the same seed.
 * Within one layer no name stands for two things, since that is not defined.
 */
export function randomLayers(count: number, seed: number): Layer[] {
  const random = randomNumbers(seed);
  return Array.from({ length: count }, (_, index) => [
    file("/t/always", `${index}`),
    ...randomFolder("/t", 1, random, []),
  ]);
}

function randomFolder(folder: string, depth: number, random: () => number, files: string[]): LayerEntry[] {
  return NAMES.flatMap((name): LayerEntry[] => {
    const path = `${folder}/${name}`;
    const raw = Buffer.from(path, "latin1");
    const choice = random();
    const [earlier] = files;
    if (choice < 0.3) return [];
    if (choice < 0.4) return [{ kind: "whiteout", path: raw }];
    if (choice < 0.45)
      return [{ kind: "symlink", path: raw, target: NAMES[Math.floor(random() * NAMES.length)] ?? "" }];
    if (choice < 0.5 && earlier !== undefined)
      return [{ kind: "hardlink", path: raw, target: Buffer.from(earlier, "latin1") }];
    if (choice < 0.7 || depth === DEPTH_MAX) {
      files.push(path);
      return [file(path, `${random()}`)];
    }
    const kind = choice < 0.77 ? "opaque" : "folder";
    return [{ kind, path: raw }, ...randomFolder(path, depth + 1, random, files)];
  });
}

function file(path: string, content: string): LayerEntry {
  return { kind: "file", path: Buffer.from(path, "latin1"), content };
}

/** Numbers from 0 to 1 (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
