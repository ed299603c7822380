/** What is at a path: `none` also where a part of it is no directory. */
export type PathKind = "none" | "file" | "directory" | "whiteout" | "other";

/** What the layers are read with. Paths are latin1; nothing follows a link at the end of a path. */
export interface LayerReader {
  kind(path: string): PathKind;
  /** The names in a directory: those that are surely regular files, and the others. */
  list(path: string): { readonly files: ReadonlySet<string>; readonly others: ReadonlySet<string> };
  /** An extended attribute, or undefined. */
  xattr(path: string, name: string): string | undefined;
}

/** A container can open files in any number of directories that it made: then learning begins anew. */
const DIRECTORIES_MAX = 100_000;

/** The kernel keeps overlay's marks under the one name, or, mounted with `userxattr`, the other. */
const xattrPrefixes = ["trusted.overlay.", "user.overlay."];

/**
 * Answers which layer of an image a path comes from, by overlay's own rules: the topmost layer that
 * has the name decides, a whiteout hides it below, an opaque directory hides all below.
 * Layers never change, so what was learnt of a directory stays true.
 */
export class ImageLayers {
  readonly #roots: readonly LayerDirectory[];
  readonly #reader: LayerReader;
  /** For each directory its parts, one for each layer that it is visible in, topmost first. */
  readonly #directories = new Map<string, readonly LayerDirectory[]>();

  /** @param lower the layers' folders on this host, the topmost first, as overlay has them */
  constructor(lower: readonly string[], reader: LayerReader) {
    this.#reader = reader;
    this.#roots = lower.map(
      (path, position) => new LayerDirectory(path, lower.length - 1 - position, reader),
    );
    this.#directories.set("", this.#roots);
  }

  /** How many layers there are. */
  get count(): number {
    return this.#roots.length;
  }

  /** The layer (0 = bottom) that a regular file at `path` comes from; undefined when the image has none there. */
  layerOf(path: string): number | undefined {
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1);
    for (const part of this.#parts(path.slice(0, slash))) {
      const kind = part.kind(name);
      if (kind !== "none") return kind === "file" ? part.layer : undefined;
    }
    return undefined;
  }

  #parts(path: string): readonly LayerDirectory[] {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf("/");
    const parts = this.#visible(this.#parts(path.slice(0, Math.max(0, slash))), path.slice(slash + 1));
    if (this.#directories.size >= DIRECTORIES_MAX) {
      this.#directories.clear();
      this.#directories.set("", this.#roots);
    }
    this.#directories.set(path, parts);
    return parts;
  }

  #visible(parents: readonly LayerDirectory[], name: string): readonly LayerDirectory[] {
    const parts: LayerDirectory[] = [];
    for (const parent of parents) {
      const kind = parent.kind(name);
      if (kind === "none") continue;
      if (kind !== "directory") break;
      const part = new LayerDirectory(`${parent.path}/${name}`, parent.layer, this.#reader);
      parts.push(part);
      if (parent !== parents.at(-1) && part.isOpaque()) break;
    }
    return parts;
  }
}

/** Names asked for one by one before the whole directory is listed: that costs less from then on. */
const PROBES_MAX = 16;

/** A directory in one layer. */
class LayerDirectory {
  readonly path: string;
  readonly layer: number;
  readonly #reader: LayerReader;
  #probes = 0;
  #listing: ReturnType<LayerReader["list"]> | undefined;
  #markedWhiteouts: boolean | undefined;

  constructor(path: string, layer: number, reader: LayerReader) {
    this.path = path;
    this.layer = layer;
    this.#reader = reader;
  }

  kind(name: string): PathKind {
    const kind = this.#look(name);
    // Since Linux 6.7 a whiteout may be an empty file with a mark, in a directory with another.
    if (kind !== "file" || !this.#hasMarkedWhiteouts()) return kind;
    return this.#attribute(`${this.path}/${name}`, "whiteout") === undefined ? "file" : "whiteout";
  }

  /** Whether it hides all that lower layers have in it. */
  isOpaque(): boolean {
    return this.#attribute(this.path, "opaque") === "y";
  }

  #look(name: string): PathKind {
    if (this.#listing === undefined) {
      if (this.#probes++ < PROBES_MAX) return this.#reader.kind(`${this.path}/${name}`);
      this.#listing = this.#reader.list(this.path);
    }
    if (this.#listing.files.has(name)) return "file";
    return this.#listing.others.has(name) ? this.#reader.kind(`${this.path}/${name}`) : "none";
  }

  #hasMarkedWhiteouts(): boolean {
    this.#markedWhiteouts ??= this.#attribute(this.path, "opaque") === "x";
    return this.#markedWhiteouts;
  }

  #attribute(path: string, name: string): string | undefined {
    for (const prefix of xattrPrefixes) {
      const value = this.#reader.xattr(path, prefix + name);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}
