/** What the layers are read with. Paths are latin1; nothing follows a link at the end of a path. */
export interface LayerReader {
  /** What is at a path: `none` also where a part of it is no directory. */
  kind(path: string): "none" | "file" | "directory" | "whiteout" | "other";
  /** An extended attribute, or undefined. */
  xattr(path: string, name: string): string | undefined;
}

/** Where an image's layers lie on this host. */
export interface LayerDirectories {
  /** The topmost layer first, as overlay has them. */
  readonly lower: readonly string[];
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
  readonly #lower: readonly string[];
  readonly #reader: LayerReader;
  /** For each directory the layers that take part in it, topmost first. */
  readonly #directories = new Map<string, readonly string[]>();
  /** For each directory of a layer whether its whiteouts may be marked files. */
  readonly #markedWhiteouts = new Map<string, boolean>();
  readonly #indexes = new Map<string, number>();

  constructor({ lower }: LayerDirectories, reader: LayerReader) {
    this.#lower = lower;
    this.#reader = reader;
    this.#forget();
    lower.forEach((path, position) => {
      this.#indexes.set(path, lower.length - 1 - position);
    });
  }

  /** How many layers there are. */
  get count(): number {
    return this.#lower.length;
  }

  /** The layer (0 = bottom) that a regular file at `path` comes from; undefined when the image has none there. */
  layerOf(path: string): number | undefined {
    const slash = path.lastIndexOf("/");
    for (const layer of this.#layersOfDirectory(path.slice(0, slash))) {
      const kind = this.#kind(layer, path);
      if (kind === "none") continue;
      return kind === "file" ? this.#indexes.get(layer) : undefined;
    }
    return undefined;
  }

  #forget(): void {
    this.#directories.clear();
    this.#markedWhiteouts.clear();
    this.#directories.set("", this.#lower);
  }

  #layersOfDirectory(path: string): readonly string[] {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const parent = this.#layersOfDirectory(path.slice(0, Math.max(0, path.lastIndexOf("/"))));
    const layers: string[] = [];
    for (const [position, layer] of parent.entries()) {
      const kind = this.#kind(layer, path);
      if (kind === "none") continue;
      if (kind !== "directory") break;
      layers.push(layer);
      if (position < parent.length - 1 && this.#attribute(layer + path, "opaque") === "y") break;
    }
    if (this.#directories.size >= DIRECTORIES_MAX) this.#forget();
    this.#directories.set(path, layers);
    return layers;
  }

  #kind(layer: string, path: string): ReturnType<LayerReader["kind"]> {
    const kind = this.#reader.kind(layer + path);
    // Since Linux 6.7 a whiteout may be an empty file with a mark, in a directory with another.
    if (kind !== "file" || !this.#hasMarkedWhiteouts(layer, path)) return kind;
    return this.#attribute(layer + path, "whiteout") === undefined ? "file" : "whiteout";
  }

  #hasMarkedWhiteouts(layer: string, path: string): boolean {
    const directory = layer + path.slice(0, path.lastIndexOf("/"));
    let marked = this.#markedWhiteouts.get(directory);
    if (marked === undefined) {
      marked = this.#attribute(directory, "opaque") === "x";
      this.#markedWhiteouts.set(directory, marked);
    }
    return marked;
  }

  #attribute(path: string, name: string): string | undefined {
    for (const prefix of xattrPrefixes) {
      const value = this.#reader.xattr(path, prefix + name);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}
