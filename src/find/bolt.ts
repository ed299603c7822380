/**
 * Reads a bolt database (go.etcd.io/bbolt), as another process is writing it: pages are never changed in place, and the
 * meta page that says where the tree begins is written last. Nothing is locked. A page that was used anew in between
 * reads as garbage, and garbage reads as nothing.
 */

/** Returns what is there of `length` bytes at `offset`. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

const MAGIC = 0xed0cdaed;
const VERSION = 2;
const PAGE_HEADER_BYTES = 16;
const META_BYTES = 64;
const BUCKET_BYTES = 16;
const ELEMENT_BYTES = 16;
const BRANCH_PAGE = 1;
const LEAF_PAGE = 2;
const BUCKET_ENTRY = 1;

const PAGE_BYTES_MAX = 16 << 20;
const DEPTH_MAX = 32;
/** Of one walk, so that a circle of pages has an end. */
const PAGES_MAX = 100_000;

export interface BoltEntry {
  readonly key: string;
  /** A value, or the bucket that lies here. */
  readonly value: Uint8Array | BoltBucket;
}

/** Opens a database; undefined when it is none, or none of its two meta pages is whole. */
export function openBolt(read: ReadAt): BoltBucket | undefined {
  const first = readMeta(read, 0);
  // The second lies one page behind, whose size only a whole first one tells.
  const sizes = first === undefined ? [4096, 8192, 16_384, 65_536] : [first.pageBytes];
  const metas = [first, ...sizes.map((size) => readMeta(read, size))].filter((meta) => meta !== undefined);
  const [newest] = metas.sort((a, b) => (a.transaction < b.transaction ? 1 : -1));
  if (newest === undefined) return undefined;
  return new BoltBucket({ read, pageBytes: newest.pageBytes, pagesLeft: PAGES_MAX }, { page: newest.root });
}

interface Walk {
  readonly read: ReadAt;
  readonly pageBytes: number;
  pagesLeft: number;
}

/** A bucket: keys in order, each with a value or another bucket. Small ones lie inside of their parent's page. */
export class BoltBucket {
  readonly #walk: Walk;
  readonly #at: { readonly page: number } | { readonly inline: Uint8Array };
  /** How many buckets it lies in. */
  readonly #depth: number;

  constructor(walk: Walk, at: { readonly page: number } | { readonly inline: Uint8Array }, depth = 0) {
    this.#walk = walk;
    this.#at = at;
    this.#depth = depth;
  }

  /** The bucket of that name in this one. */
  bucket(key: string): BoltBucket | undefined {
    for (const entry of this.entries()) {
      if (entry.key === key) return entry.value instanceof BoltBucket ? entry.value : undefined;
    }
    return undefined;
  }

  *entries(): Generator<BoltEntry> {
    if (this.#depth > DEPTH_MAX) return; // it lies in itself
    if ("inline" in this.#at) yield* this.#pageEntries(this.#at.inline, 0);
    else yield* this.#treeEntries(this.#at.page, 0);
  }

  *#treeEntries(page: number, depth: number): Generator<BoltEntry> {
    const { read, pageBytes } = this.#walk;
    if (depth > DEPTH_MAX || this.#walk.pagesLeft-- <= 0) return;
    if (!Number.isSafeInteger(page * pageBytes)) return; // no file is so large
    const header = read(page * pageBytes, PAGE_HEADER_BYTES);
    if (header.length < PAGE_HEADER_BYTES) return;
    const length = (viewOf(header).getUint32(12, true) + 1) * pageBytes; // with its overflow pages
    if (length <= PAGE_BYTES_MAX) yield* this.#pageEntries(read(page * pageBytes, length), depth);
  }

  /** `id u64, flags u16, count u16, overflow u32`, then elements, whose positions count from themselves. */
  *#pageEntries(page: Uint8Array, depth: number): Generator<BoltEntry> {
    if (page.length < PAGE_HEADER_BYTES) return;
    const view = viewOf(page);
    const flags = view.getUint16(8, true);
    const count = view.getUint16(10, true);
    if (PAGE_HEADER_BYTES + count * ELEMENT_BYTES > page.length) return;
    for (let index = 0; index < count; index++) {
      const at = PAGE_HEADER_BYTES + index * ELEMENT_BYTES;
      if (flags === BRANCH_PAGE) {
        // `pos u32, ksize u32, pgid u64`
        yield* this.#treeEntries(Number(view.getBigUint64(at + 8, true)), depth + 1);
      } else if (flags === LEAF_PAGE) {
        // `flags u32, pos u32, ksize u32, vsize u32`
        const start = at + view.getUint32(at + 4, true);
        const middle = start + view.getUint32(at + 8, true);
        const end = middle + view.getUint32(at + 12, true);
        if (end > page.length) continue;
        const value = page.subarray(middle, end);
        const isBucket = (view.getUint32(at, true) & BUCKET_ENTRY) !== 0;
        yield {
          key: Buffer.from(page.subarray(start, middle)).toString("utf8"),
          value: isBucket ? this.#open(value) : value,
        };
      }
    }
  }

  /** `root u64, sequence u64`; without a root the bucket's one page follows. */
  #open(value: Uint8Array): BoltBucket {
    const root = value.length < BUCKET_BYTES ? 0 : Number(viewOf(value).getBigUint64(0, true));
    const inline = value.subarray(BUCKET_BYTES);
    return new BoltBucket(this.#walk, root === 0 ? { inline } : { page: root }, this.#depth + 1);
  }
}

/** Behind the page header: `magic u32, version u32, pageSize u32, flags u32, root u64, sequence u64, freelist u64, pgid u64, txid u64, checksum u64`. */
function readMeta(read: ReadAt, offset: number) {
  const meta = read(offset + PAGE_HEADER_BYTES, META_BYTES);
  if (meta.length < META_BYTES) return undefined;
  const view = viewOf(meta);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== VERSION) return undefined;
  if (view.getBigUint64(56, true) !== fnv64a(meta.subarray(0, 56))) return undefined; // being written
  const pageBytes = view.getUint32(8, true);
  if (pageBytes < 512 || pageBytes > PAGE_BYTES_MAX) return undefined;
  return { pageBytes, root: Number(view.getBigUint64(16, true)), transaction: view.getBigUint64(48, true) };
}

function fnv64a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
