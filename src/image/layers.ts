/** What is at a path: `none` also where a part of it is no directory. */
export type PathKind = "none" | "file" | "directory" | "whiteout" | "other";

/** The inode of a file in a layer. */
export interface LayerInode {
  readonly number: number;
  readonly isShared: boolean;
}

/** What the layers are read with. Paths are latin1; nothing follows a link at the end of a path. */
export interface LayerReader {
  kind(path: string): PathKind;
  /**
   * The inode at a path: number 0 when there is none, `isShared` when it has several names: a copy of such
   * a file gets a number of its own.
   */
  inode(path: string): LayerInode;
  /** The names in a directory: those that are surely regular files, and the others. */
  list(path: string): { readonly files: ReadonlySet<string>; readonly others: ReadonlySet<string> };
  /** An extended attribute, or undefined. */
  xattr(path: string, name: string): string | undefined;
}

/** A file that was opened, as far as it tells where it comes from. */
export interface OpenedFile {
  readonly path: string;
  readonly inode: number;
  /** `st_dev`, where it is known. */
  readonly device?: number | undefined;
  /** Made while the container ran: a copy of the image's file, or another file under its name. */
  readonly isNew: boolean;
}

/** Where a file of the image lies in it. */
export interface ImageFile {
  /** The path in the image: the file may have been renamed before its event was read. */
  readonly path: string;
  readonly layer: number;
}

/** What is special about the layers of a container. */
interface LayerTraits {
  readonly inodesTell?: boolean;
  readonly remapped?: boolean;
  readonly imageDevice?: number | undefined;
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
  readonly #inodesTell: boolean;
  readonly #remapped: boolean;
  readonly #imageDevice: number | undefined;
  /** For each directory its parts, one for each layer that it is visible in, topmost first. */
  readonly #directories = new Map<string, readonly LayerDirectory[]>();

  /**
   * @param lower the layers' folders on this host, the topmost first, as overlay has them
   * @param traits.inodesTell whether a file that was copied up keeps its inode number in overlay, and no
   *   new file can have it: so it is when all layers and the upper directory are on one file system
   * @param traits.imageDevice the `st_dev` that overlay shows for the files of its one layer, also when they were copied
   *   up, and for no new file: so it may be where the upper directory is on another file system. Implies `inodesTell`
   * @param traits.remapped whether the topmost is none of the image's, but a copy of all of them for another owner
   */
  constructor(lower: readonly string[], reader: LayerReader, traits: LayerTraits = {}) {
    this.#reader = reader;
    this.#imageDevice = traits.imageDevice;
    this.#inodesTell = traits.inodesTell ?? this.#imageDevice !== undefined;
    this.#remapped = traits.remapped ?? false;
    this.#roots = lower.map(
      (path, position) => new LayerDirectory(path, lower.length - 1 - position, reader),
    );
    this.#directories.set("", this.#roots);
  }

  /** Whether the layers are where they were found: once they are gone, no file can be told to be of the image. */
  areThere(): boolean {
    return this.#roots.every(({ path }) => this.#reader.kind(path) === "directory");
  }

  /** How many layers the image has. */
  get count(): number {
    return this.#roots.length - (this.#remapped ? 1 : 0);
  }

  /** Whether a file that replaced one of the image is told from it. */
  get tellsReplaced(): boolean {
    return this.#inodesTell;
  }

  /**
   * The image's file that was opened, or undefined when it is none. The path alone does not tell when
   * something was renamed: then the inode does, as overlay keeps the numbers of the image's files.
   */
  find({ path, inode, device, isNew }: OpenedFile): ImageFile | undefined {
    const [folder, file] = splitPath(path);
    const part = this.#partWith(folder, file);
    const isMade = this.#isMade(device);
    if (!this.#inodesTell || (part !== undefined && !isNew && !isMade))
      return part && this.#fileIn(part, folder, file);
    if (part !== undefined) {
      const here = this.#reader.inode(`${part.path}/${file}`);
      // The copy of a file with several names may be shown as if it had been made.
      if (here.isShared || (here.number === inode && !isMade)) return this.#fileIn(part, folder, file);
    }
    return isMade ? undefined : this.#findByInode(folder, inode);
  }

  /**
   * The same for a file whose path is only a likely one: the inode has to confirm it, which it does for a file
   * that was not copied up, also when that has several names. `unsure` where it cannot tell.
   */
  findLikely({ path, inode, device, isNew }: OpenedFile): ImageFile | "unsure" | undefined {
    const [folder, file] = splitPath(path);
    const isMade = this.#isMade(device);
    const part = this.#partWith(folder, file);
    const here = part && this.#reader.inode(`${part.path}/${file}`);
    // The copy of a file gets another number where inodes do not tell, and where it has several names.
    const mayBeCopy = !this.#inodesTell || here?.isShared === true;
    const isConfirmed = here?.number === inode && !isMade && (this.#inodesTell || !isNew);
    if (part !== undefined && isConfirmed) return this.#fileIn(part, folder, file);
    const found = this.#inodesTell && !isMade ? this.#findByInode(folder, inode) : undefined;
    // A new file is none of the image's, unless it is a copy.
    return found ?? ((isNew || isMade) && !mayBeCopy ? undefined : "unsure");
  }

  #isMade(device: number | undefined): boolean {
    return this.#imageDevice !== undefined && device !== undefined && device !== this.#imageDevice;
  }

  /** The file in a folder, by its inode. */
  #findByInode(folder: string, inode: number): ImageFile | undefined {
    for (const each of this.#parts(folder)) {
      const name = each.nameOf(inode);
      // A name that a higher layer hides cannot have been opened.
      if (name !== undefined && this.#partWith(folder, name) === each)
        return this.#fileIn(each, folder, name);
    }
    return undefined;
  }

  /** The layer (0 = bottom) that a regular file at `path` comes from; undefined when the image has none there. */
  layerOf(path: string): number | undefined {
    const [folder, name] = splitPath(path);
    const part = this.#partWith(folder, name);
    return part && this.#fileIn(part, folder, name).layer;
  }

  /** A file that a part shows. Where that is a copy for another owner, its layer is the original's. */
  #fileIn(part: LayerDirectory, folder: string, name: string): ImageFile {
    const path = `${folder}/${name}`;
    if (part.layer < this.count) return { path, layer: part.layer };
    const original = this.#parts(folder).find((each) => each !== part && each.kind(name) === "file");
    return { path, layer: original?.layer ?? this.count - 1 };
  }

  /** The part of a folder that a regular file is seen in. */
  #partWith(folder: string, name: string): LayerDirectory | undefined {
    for (const part of this.#parts(folder)) {
      const kind = part.kind(name);
      if (kind !== "none") return kind === "file" ? part : undefined;
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

/** The folder, without a slash behind it, and the name. */
function splitPath(path: string): [folder: string, name: string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash), path.slice(slash + 1)];
}

/** Names asked for one by one before the whole directory is listed: that costs less from then on. */
const PROBES_MAX = 16;
/** Of larger folders not all files are known by their inodes. */
const INODES_MAX = 20_000;

/** A directory in one layer. */
class LayerDirectory {
  readonly path: string;
  readonly layer: number;
  readonly #reader: LayerReader;
  #probes = 0;
  #listing: ReturnType<LayerReader["list"]> | undefined;
  #names: ReadonlyMap<number, string> | undefined;
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

  /** The name of a regular file by its inode number. */
  nameOf(inode: number): string | undefined {
    this.#names ??= this.#readInodes();
    return this.#names.get(inode);
  }

  #readInodes(): ReadonlyMap<number, string> {
    this.#listing ??= this.#reader.list(this.path);
    const names = new Map<number, string>();
    for (const name of [...this.#listing.files].slice(0, INODES_MAX)) {
      const inode = this.#reader.inode(`${this.path}/${name}`);
      if (!inode.isShared) names.set(inode.number, name);
    }
    return names;
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
