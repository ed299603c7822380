/** What the mutations draw from: valid inputs, pieces that mean something, and numbers from 0 to 1. */
export interface MutationSource {
  readonly corpus: readonly Uint8Array[];
  readonly words: readonly Uint8Array[];
  readonly next: () => number;
}

/** No input grows over this. */
export const INPUT_BYTES_MAX = 64 * 1024;

/** Lengths that a parser may get wrong: zero, signs, limits of ours, claims of 4 GiB. */
const EXTREMES = [
  0, 1, 0x7f, 0x80, 0xff, 0xfff, 0x1000, 0xffff, 0x10000, 0x400000, 0x400001, 0x1000000, 0x1000001,
  0x7fffffff, 0x80000000, 0xffffffff,
];

type Mutation = (bytes: Uint8Array, source: MutationSource) => Uint8Array;

const mutations: readonly Mutation[] = [
  flipBit,
  setByte,
  setByte,
  stepByte,
  truncate,
  dropRange,
  repeatRange,
  moveRange,
  splice,
  splice,
  insertWord,
  insertWord,
  setNumber,
  setNumber,
  insertVarint,
];

/** One of the corpus, changed in 1 to 8 places. */
export function mutate(source: MutationSource): Uint8Array {
  let bytes = pick(source.corpus, source.next) ?? new Uint8Array(0);
  for (let left = 1 + index(8, source.next); left > 0; left--) {
    bytes = pick(mutations, source.next)?.(bytes, source) ?? bytes;
  }
  return bytes.slice(0, INPUT_BYTES_MAX);
}

function flipBit(bytes: Uint8Array, { next }: MutationSource): Uint8Array {
  const changed = bytes.slice();
  const at = index(bytes.length, next);
  if (at < bytes.length) changed[at] = (changed[at] ?? 0) ^ (1 << index(8, next));
  return changed;
}

function setByte(bytes: Uint8Array, { next }: MutationSource): Uint8Array {
  const changed = bytes.slice();
  changed.set(Uint8Array.of(index(256, next)).subarray(0, bytes.length), index(bytes.length, next));
  return changed;
}

function stepByte(bytes: Uint8Array, { next }: MutationSource): Uint8Array {
  const changed = bytes.slice();
  const at = index(bytes.length, next);
  if (at < bytes.length) changed[at] = (changed[at] ?? 0) + (next() < 0.5 ? 1 : -1);
  return changed;
}

function truncate(bytes: Uint8Array, { next }: MutationSource): Uint8Array {
  return bytes.slice(0, index(bytes.length, next));
}

function dropRange(bytes: Uint8Array, { next }: MutationSource): Uint8Array {
  const [start, end] = range(bytes, next);
  return join(bytes.subarray(0, start), bytes.subarray(end));
}

/** Mostly a few times, now and then until the input is full: what is slow shows in long inputs. */
function repeatRange(bytes: Uint8Array, { next }: MutationSource): Uint8Array {
  const [start, end] = range(bytes, next);
  const most = next() < 0.05 ? INPUT_BYTES_MAX / Math.max(1, end - start) : 4;
  const times = 1 + index(Math.min(most, INPUT_BYTES_MAX / Math.max(1, end - start)), next);
  const piece = bytes.subarray(start, end);
  return join(bytes.subarray(0, end), ...Array<Uint8Array>(times).fill(piece), bytes.subarray(end));
}

function moveRange(bytes: Uint8Array, { next }: MutationSource): Uint8Array {
  const [start, end] = range(bytes, next);
  const rest = join(bytes.subarray(0, start), bytes.subarray(end));
  const at = index(rest.length, next);
  return join(rest.subarray(0, at), bytes.subarray(start, end), rest.subarray(at));
}

function splice(bytes: Uint8Array, { corpus, next }: MutationSource): Uint8Array {
  const other = pick(corpus, next) ?? bytes;
  const [start, end] = range(other, next);
  const at = index(bytes.length, next);
  return join(bytes.subarray(0, at), other.subarray(start, end), bytes.subarray(at));
}

function insertWord(bytes: Uint8Array, { words, next }: MutationSource): Uint8Array {
  const at = index(bytes.length, next);
  return join(bytes.subarray(0, at), pick(words, next) ?? new Uint8Array(0), bytes.subarray(at));
}

/** In one to eight bytes, either way round. */
function setNumber(bytes: Uint8Array, { next }: MutationSource): Uint8Array {
  const number = BigInt(pick(EXTREMES, next) ?? 0) << (next() < 0.1 ? 32n : 0n);
  const width = pick([1, 2, 4, 8], next) ?? 4;
  const encoded = new Uint8Array(8);
  new DataView(encoded.buffer).setBigUint64(0, number);
  const bigEndian = encoded.subarray(8 - width);
  const changed = bytes.slice();
  const at = index(bytes.length - width + 1, next);
  if (at + width <= bytes.length) changed.set(next() < 0.5 ? bigEndian : bigEndian.toReversed(), at);
  return changed;
}

/** Up to twelve bytes that each say that more follow; ten are the most that 64 bits need. */
function insertVarint(bytes: Uint8Array, { next }: MutationSource): Uint8Array {
  const length = 1 + index(12, next);
  const varint = new Uint8Array(length).fill(next() < 0.5 ? 0x80 : 0xff);
  if (next() < 0.8) varint[length - 1] = index(0x80, next);
  const at = index(bytes.length, next);
  return join(bytes.subarray(0, at), varint, bytes.subarray(next() < 0.5 ? at : at + length));
}

/** Below `length`, and 0 when that is none. */
function index(length: number, next: () => number): number {
  return Math.max(0, Math.floor(next() * length));
}

function range(bytes: Uint8Array, next: () => number): [number, number] {
  const start = index(bytes.length, next);
  const length = index(next() < 0.7 ? 32 : bytes.length, next) + 1;
  return [start, Math.min(bytes.length, start + length)];
}

function pick<T>(items: readonly T[], next: () => number): T | undefined {
  return items[index(items.length, next)];
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts)).subarray(0, INPUT_BYTES_MAX);
}
