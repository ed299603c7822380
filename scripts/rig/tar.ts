import { closeSync, openSync, readSync, writeSync } from "node:fs";

const BLOCK = 512;
const COPY_BYTES = 1 << 20;
const NAME_MAX = 100;
const OCTAL_SIZE_MAX = 0o77777777777;

/** What one tar header says. `name` and `target` are raw bytes: they need not be UTF-8 and may be of any length. */
export interface TarHeader {
  readonly name: Uint8Array;
  readonly type: "file" | "folder" | "symlink" | "hardlink" | "sparse";
  readonly mode: number;
  readonly size?: number;
  readonly target?: Uint8Array;
  readonly uid?: number;
  readonly gid?: number;
}

const TYPE_FLAGS = {
  file: "0",
  sparse: "0",
  hardlink: "1",
  symlink: "2",
  folder: "5",
} as const satisfies Record<TarHeader["type"], string>;

/**
 * Writes a tar file in GNU format, which takes names as bytes: PAX would want UTF-8. Only a hole is told in PAX, since
 * containerd does not take GNU's type for it. Every time stamp is 0, so that equal content makes an equal file.
 * Owns the file it writes; call `close()` when done.
 */
export class TarWriter implements Disposable {
  readonly #fd: number;
  readonly #hasher = new Bun.CryptoHasher("sha256");
  #size = 0;
  #open = true;

  constructor(path: string) {
    this.#fd = openSync(path, "w");
  }

  /** Adds a file of these bytes, or a folder, or a link; a sparse file is one hole of `header.size` bytes. */
  add(header: TarHeader, content: Uint8Array = new Uint8Array()): void {
    this.#header(header, header.type === "file" ? content.byteLength : 0);
    if (header.type === "file") this.#padded(content);
  }

  /** Adds a file whose content is that of the file `path`, without holding it in memory. */
  addFrom(header: TarHeader, path: string, size: number): void {
    this.#header(header, size);
    const fd = openSync(path, "r");
    try {
      const buffer = new Uint8Array(COPY_BYTES);
      let left = size;
      while (left > 0) {
        const count = readSync(fd, buffer, 0, Math.min(left, COPY_BYTES), null);
        if (count === 0) throw new Error(`Cannot add ${path} to a tar: it shrank while being read`);
        this.#write(buffer.subarray(0, count));
        left -= count;
      }
    } finally {
      closeSync(fd);
    }
    this.#pad(size);
  }

  /** Ends the file. Returns its size and its digest ("sha256:…"). */
  close(): { size: number; digest: string } {
    this.#write(new Uint8Array(2 * BLOCK));
    this[Symbol.dispose]();
    return { size: this.#size, digest: `sha256:${this.#hasher.digest("hex")}` };
  }

  [Symbol.dispose](): void {
    if (this.#open) closeSync(this.#fd);
    this.#open = false;
  }

  #header(header: TarHeader, size: number): void {
    // A long name goes before its header, as the content of an entry of its own.
    if (header.name.byteLength > NAME_MAX) this.#longName("L", header.name);
    if ((header.target?.byteLength ?? 0) > NAME_MAX) this.#longName("K", header.target ?? new Uint8Array());
    if (header.type === "sparse") this.#hole(header.size ?? 0);
    this.#write(encodeHeader(header, TYPE_FLAGS[header.type], size));
  }

  /** Says of the next entry that it is `size` bytes long, and that the only data segment is an empty one at the end. */
  #hole(size: number): void {
    const records = [`GNU.sparse.size=${size}`, "GNU.sparse.numblocks=1", `GNU.sparse.map=${size},0`].map(
      paxRecord,
    );
    const header: TarHeader = { name: Buffer.from("PaxHeaders/hole"), type: "file", mode: 0o644 };
    const content = Buffer.from(records.join(""));
    this.#write(encodeHeader(header, "x", content.byteLength));
    this.#padded(content);
  }

  #longName(flag: string, name: Uint8Array): void {
    const header: TarHeader = { name: Buffer.from("././@LongLink"), type: "file", mode: 0 };
    this.#write(encodeHeader(header, flag, name.byteLength + 1));
    this.#padded(Buffer.concat([name, Buffer.of(0)]));
  }

  #padded(content: Uint8Array): void {
    this.#write(content);
    this.#pad(content.byteLength);
  }

  #pad(size: number): void {
    this.#write(new Uint8Array((BLOCK - (size % BLOCK)) % BLOCK));
  }

  #write(bytes: Uint8Array): void {
    this.#hasher.update(bytes);
    this.#size += bytes.byteLength;
    for (let offset = 0; offset < bytes.byteLength; ) offset += writeSync(this.#fd, bytes, offset);
  }
}

function encodeHeader(header: TarHeader, flag: string, size: number): Uint8Array {
  const block = Buffer.alloc(BLOCK);
  block.set(header.name.subarray(0, NAME_MAX), 0);
  octal(block, 100, 8, header.mode);
  octal(block, 108, 8, header.uid ?? 0);
  octal(block, 116, 8, header.gid ?? 0);
  octal(block, 124, 12, size);
  octal(block, 136, 12, 0); // time stamp
  block.fill(" ", 148, 156); // the checksum counts as blanks while it is summed up
  block.write(flag, 156, "latin1");
  block.set(header.target?.subarray(0, NAME_MAX) ?? [], 157);
  // Magic and version: a PAX record may not stand before a header of GNU's.
  block.write(header.type === "sparse" || flag === "x" ? "ustar\x0000" : "ustar  \0", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function octal(block: Buffer, offset: number, width: number, value: number): void {
  if (value > OCTAL_SIZE_MAX)
    throw new RangeError(`Cannot write ${value} into a tar header: the most is 8 GiB`);
  block.write(`${value.toString(8).padStart(width - 1, "0")}\0`, offset, "latin1");
}

/** A record starts with its own length, which counts the digits of that length too. */
function paxRecord(text: string): string {
  const rest = ` ${text}\n`;
  let length = rest.length;
  while (`${length}${rest}`.length !== length) length = `${length}${rest}`.length;
  return `${length}${rest}`;
}
