import { closeSync, openSync, readSync } from "node:fs";

const MAGIC = 0x73717368; // "hsqs"
const METADATA_BYTES = 8192;
const STORED_PLAIN = 0x8000;
const BLOCK_STORED_PLAIN = 1 << 24;
const NO_FRAGMENT = 0xffffffff;
const FOLDER_TYPES = [1, 8]; // basic, extended
const FILE_TYPES = [2, 9];

/** A regular file of an image. `position` is where its first block of data lies in the image, in bytes. */
export interface SquashfsFile {
  readonly size: number;
  readonly position: number;
}

/**
 * Reads where the files of a squashfs 4.0 lie. It must have been made with plain tables and plain data, and without
 * fragments (`-noI -noD -no-fragments`): then a file's data lies in one piece. Owns the open file until it is disposed of.
 */
export class SquashfsImage implements Disposable {
  /** All regular files by their absolute paths, latin1. A file with several names stands there with each. */
  readonly files: ReadonlyMap<string, SquashfsFile>;
  readonly #fd: number;
  readonly #inodeTable: number;
  readonly #folderTable: number;

  constructor(path: string) {
    this.#fd = openSync(path, "r");
    const superblock = this.read(0, 96);
    if (superblock.readUInt32LE(0) !== MAGIC) throw new Error(`Not a squashfs: ${path}`);
    this.#inodeTable = Number(superblock.readBigUInt64LE(64));
    this.#folderTable = Number(superblock.readBigUInt64LE(72));
    const root = superblock.readBigUInt64LE(32);
    this.files = new Map(this.#walk("", Number(root >> 16n), Number(root & 0xffffn)));
  }

  /** Bytes of the image. */
  read(position: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    const count = readSync(this.#fd, buffer, 0, length, position);
    if (count !== length) throw new Error(`The squashfs ends at ${position + count}, inside of something`);
    return buffer;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  *#walk(path: string, block: number, offset: number): Generator<[string, SquashfsFile]> {
    const inode = new Metadata(this, this.#inodeTable + block, offset);
    const type = inode.take(16).readUInt16LE(0); // with what all inodes have
    if (FILE_TYPES.includes(type)) yield [path, readFile(path, inode, type)];
    if (!FOLDER_TYPES.includes(type)) return;
    for (const [name, ...place] of this.#entries(inode, type)) yield* this.#walk(`${path}/${name}`, ...place);
  }

  /** The name of each entry of a folder, and the block and offset of its inode. */
  *#entries(inode: Metadata, type: number): Generator<[string, number, number]> {
    const fields = inode.take(type === 1 ? 16 : 24);
    const [block, size, offset] =
      type === 1
        ? [fields.readUInt32LE(0), fields.readUInt16LE(8), fields.readUInt16LE(10)]
        : [fields.readUInt32LE(8), fields.readUInt32LE(4), fields.readUInt16LE(18)];
    const listing = new Metadata(this, this.#folderTable + block, offset);
    const end = size - 3; // the size counts "." and ".." as three bytes that are not there
    while (listing.taken < end) {
      const run = listing.take(12);
      const inodeBlock = run.readUInt32LE(4);
      for (let left = run.readUInt32LE(0) + 1; left > 0; left--) {
        const entry = listing.take(8);
        const name = listing.take(entry.readUInt16LE(6) + 1).toString("latin1");
        yield [name, inodeBlock, entry.readUInt16LE(0)];
      }
    }
  }
}

/** Bytes of a table, which is cut into blocks of 8 KiB that each have a header of two bytes. */
class Metadata {
  readonly #image: SquashfsImage;
  #next: number;
  #block: Buffer;
  #taken = 0;

  constructor(image: SquashfsImage, position: number, offset: number) {
    this.#image = image;
    this.#next = position;
    this.#block = this.#readBlock().subarray(offset);
  }

  /** How many bytes were taken so far. */
  get taken(): number {
    return this.#taken;
  }

  take(length: number): Buffer {
    while (this.#block.length < length) this.#block = Buffer.concat([this.#block, this.#readBlock()]);
    const bytes = this.#block.subarray(0, length);
    this.#block = this.#block.subarray(length);
    this.#taken += length;
    return bytes;
  }

  #readBlock(): Buffer {
    const header = this.#image.read(this.#next, 2).readUInt16LE(0);
    const size = header & ~STORED_PLAIN;
    if ((header & STORED_PLAIN) === 0 || size > METADATA_BYTES)
      throw new Error("A table of the squashfs is packed: make it with -noI");
    const block = this.#image.read(this.#next + 2, size);
    this.#next += 2 + size;
    return block;
  }
}

function readFile(path: string, inode: Metadata, type: number): SquashfsFile {
  const fields = inode.take(type === 2 ? 16 : 40);
  const [position, size, fragment] =
    type === 2
      ? [fields.readUInt32LE(0), fields.readUInt32LE(12), fields.readUInt32LE(4)]
      : [Number(fields.readBigUInt64LE(0)), Number(fields.readBigUInt64LE(8)), fields.readUInt32LE(28)];
  if (fragment !== NO_FRAGMENT)
    throw new Error(`${path} ends in a fragment: make the squashfs with -no-fragments`);
  const stored = size === 0 ? 0 : inode.take(4).readUInt32LE(0); // 0 is a hole
  if (stored !== 0 && (stored & BLOCK_STORED_PLAIN) === 0)
    throw new Error(`${path} is packed: make the squashfs with -noD`);
  return { size, position };
}
