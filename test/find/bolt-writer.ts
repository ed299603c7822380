/** Of the databases that are written here. */
export const PAGE_BYTES = 4096;

/** A bucket to write: texts, and buckets that lie inside of its page or on pages of their own. */
export interface Tree {
  readonly [key: string]: string | Uint8Array | Tree;
}

/** Writes a database as bbolt would, with small buckets inline, others on a page, and large ones below a branch page. */
export class BoltWriter {
  readonly #pages: Uint8Array[] = [new Uint8Array(PAGE_BYTES), new Uint8Array(PAGE_BYTES)];

  /** @param broken the meta page that is being written */
  write(tree: Tree, broken?: 0 | 1): Uint8Array {
    const root = this.#bucketPage(tree);
    for (const index of [0, 1]) this.#pages[index] = meta(root, index, broken === index);
    return Buffer.concat(this.#pages);
  }

  /** Returns the number of a page with the bucket's entries; of more than 3, of a branch page above two. */
  #bucketPage(tree: Tree): number {
    const entries = Object.entries(tree);
    if (entries.length <= 3) return this.#add(this.#leaf(entries));
    const half = Math.ceil(entries.length / 2);
    const halves = [entries.slice(0, half), entries.slice(half)];
    const children = halves.map((each) => ({
      key: each[0]?.[0] ?? "",
      page: this.#bucketPage(Object.fromEntries(each)),
    }));
    const rows = children.map(({ key, page }) => ({ key: Buffer.from(key), value: Buffer.alloc(0), page }));
    return this.#add(encodePage(1, rows));
  }

  #leaf(entries: readonly (readonly [string, string | Uint8Array | Tree])[]): Uint8Array {
    const rows = entries.map(([key, value]) => {
      if (typeof value === "string" || value instanceof Uint8Array) {
        return { key: Buffer.from(key), value: Buffer.from(value), flags: 0 };
      }
      return { key: Buffer.from(key), value: this.#nested(value), flags: 1 };
    });
    return encodePage(2, rows);
  }

  #nested(tree: Tree): Buffer {
    const isFlat = Object.values(tree).every((each) => typeof each === "string");
    const header = Buffer.alloc(16);
    if (isFlat && Object.keys(tree).length <= 3)
      return Buffer.concat([header, this.#leaf(Object.entries(tree))]);
    header.writeBigUInt64LE(BigInt(this.#bucketPage(tree)));
    return header;
  }

  #add(page: Uint8Array): number {
    const length = Math.ceil(page.length / PAGE_BYTES);
    const padded = Buffer.alloc(length * PAGE_BYTES);
    padded.set(page);
    padded.writeUInt32LE(length - 1, 12);
    const number = this.#pages.reduce((sum, each) => sum + each.length, 0) / PAGE_BYTES;
    this.#pages.push(padded);
    return number;
  }
}

interface Row {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly flags?: number;
  readonly page?: number;
}

function encodePage(flags: number, rows: readonly Row[]): Uint8Array {
  const header = Buffer.alloc(16);
  header.writeUInt16LE(flags, 8);
  header.writeUInt16LE(rows.length, 10);
  const elements = Buffer.alloc(rows.length * 16);
  let position = elements.length;
  for (const [index, { key, value, flags = 0, page }] of rows.entries()) {
    const at = index * 16;
    if (page === undefined) {
      elements.writeUInt32LE(flags, at);
      elements.writeUInt32LE(position - at, at + 4);
      elements.writeUInt32LE(key.length, at + 8);
      elements.writeUInt32LE(value.length, at + 12);
    } else {
      elements.writeUInt32LE(position - at, at);
      elements.writeUInt32LE(key.length, at + 4);
      elements.writeBigUInt64LE(BigInt(page), at + 8);
    }
    position += key.length + value.length;
  }
  return Buffer.concat([header, elements, ...rows.flatMap(({ key, value }) => [key, value])]);
}

function meta(root: number, transaction: number, isBroken: boolean): Uint8Array {
  const page = Buffer.alloc(PAGE_BYTES);
  page.writeUInt32LE(0xed0cdaed, 16);
  page.writeUInt32LE(2, 20);
  page.writeUInt32LE(PAGE_BYTES, 24);
  page.writeBigUInt64LE(BigInt(root), 32);
  page.writeBigUInt64LE(BigInt(transaction), 64);
  page.writeBigUInt64LE(fnv64a(page.subarray(16, 72)), 72);
  if (isBroken) page.writeUInt32LE(0, 72);
  return page;
}

function fnv64a(bytes: Uint8Array): bigint {
  return bytes.reduce(
    (hash, byte) => ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn,
    0xcbf29ce484222325n,
  );
}
