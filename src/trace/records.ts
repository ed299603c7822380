/** A file that was opened, as `OPT_RECORD_OPEN` of native/shim.h tells it. */
export interface OpenRecord {
  readonly kind: "open";
  /** CLOCK_MONOTONIC when the event was read from the kernel, nanoseconds. */
  readonly timeNs: number;
  /** The mount the file was opened through. */
  readonly mountId: number;
  /** `st_dev` of the file. */
  readonly device: DeviceNumber;
  /** `st_ino`, its lowest 53 bits: overlay may keep the number of a layer in the highest ones. */
  readonly inode: number;
  /** When the file was made, milliseconds of the epoch; 0 where the file system does not tell. */
  readonly bornMs: number;
  readonly sizeBytes: number;
  readonly pid: number;
  /** `st_mode`, of which the format bits matter. */
  readonly mode: number;
  /** Unlinked by the time the event was read. `path` has no " (deleted)" any more. */
  readonly deleted: boolean;
  /** Opened to be executed. */
  readonly exec: boolean;
  /** Absolute, resolved; one character a byte (latin1), since a name may be in any encoding. */
  readonly path: string;
}

/** Everything the shim reports. `token` is the one that was given to it. */
export type TraceRecord =
  | OpenRecord
  | { readonly kind: "overflow" }
  | { readonly kind: "lost"; readonly errno: number }
  | {
      readonly kind: "arming";
      readonly token: number;
      readonly mountId: number;
      readonly device: DeviceNumber;
    }
  | {
      readonly kind: "marked";
      readonly token: number;
      readonly mountId: number;
      readonly timeNs: number;
      /** 0, or the errno of the step that failed. */
      readonly errno: number;
      readonly step: MarkStep;
    }
  | { readonly kind: "unmarked"; readonly token: number; readonly errno: number }
  | { readonly kind: "barrier"; readonly token: number };

/** The step of marking that failed, or `none`. */
export type MarkStep =
  | "none"
  | "open its mount namespace"
  | "open its root"
  | "stat its root"
  | "mark its root";

const markSteps: readonly MarkStep[] = [
  "none",
  "open its mount namespace",
  "open its root",
  "stat its root",
  "mark its root",
];

/** A device number as one number, so that it can be compared and be a key. */
export type DeviceNumber = number & { readonly brand: "DeviceNumber" };

/** Joins a device's major and minor numbers (12 and 20 bits in Linux). */
export function deviceNumber(major: number, minor: number): DeviceNumber {
  return (major * 0x100000 + minor) as DeviceNumber;
}

const HEADER_BYTES = 72;
/** PATH_MAX plus room for " (deleted)", plus the header and padding. */
const RECORD_BYTES_MAX = 4096 + 256;
const FLAG_EXEC = 1;
const FLAG_DELETED = 2;
/** What the kernel appends to the path of a file that has no name any more. */
export const DELETED_SUFFIX = " (deleted)";
/** Of the upper half of an inode number, what a JavaScript number can hold. */
const INODE_HIGH_MASK = 0x1f_ffff;
const TWO_TO_32 = 0x1_0000_0000;

/** Decodes the shim's stream of records. Pure: bytes in, records out. */
export class RecordDecoder {
  #rest: Buffer = Buffer.alloc(0);

  /** Bytes of an unfinished record that wait for the next chunk. */
  get buffered(): number {
    return this.#rest.byteLength;
  }

  /**
   * Takes the next bytes and returns the records that are whole now. `chunk` is not kept.
   * Throws on lengths or a kind that the shim never writes: the two were built from different sources.
   */
  push(chunk: Uint8Array): TraceRecord[] {
    const bytes = this.#join(chunk);
    const records: TraceRecord[] = [];
    let offset = 0;
    while (bytes.byteLength - offset >= HEADER_BYTES) {
      const length = bytes.readUInt32LE(offset);
      if (length < HEADER_BYTES || length > RECORD_BYTES_MAX || length % 8 !== 0) {
        throw new Error(`Cannot decode a record of the shim: length ${length}`);
      }
      if (bytes.byteLength - offset < length) break;
      const pathLength = bytes.readUInt16LE(offset + 62);
      if (HEADER_BYTES + pathLength > length) {
        throw new Error(`Cannot decode a record of the shim: a path of ${pathLength} bytes in ${length}`);
      }
      records.push(decodeRecord(bytes, offset));
      offset += length;
    }
    this.#rest = Buffer.from(bytes.subarray(offset)); // a copy: the chunk is the socket's
    return records;
  }

  #join(chunk: Uint8Array): Buffer {
    if (this.#rest.byteLength > 0) return Buffer.concat([this.#rest, chunk]);
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
}

/** Offsets are those of `struct opt_record`; numbers stay below 2^53. */
function decodeRecord(bytes: Buffer, at: number): TraceRecord {
  const kind = bytes.readUInt32LE(at + 4);
  const token = readUInt64(bytes, at + 24);
  switch (kind) {
    case 1:
      return decodeOpen(bytes, at);
    case 2:
      return { kind: "overflow" };
    case 3:
      return { kind: "lost", errno: -bytes.readInt32LE(at + 52) };
    case 4:
      return { kind: "arming", token, mountId: readUInt64(bytes, at + 16), device: readDevice(bytes, at) };
    case 5:
      return {
        kind: "marked",
        token,
        mountId: readUInt64(bytes, at + 16),
        timeNs: readUInt64(bytes, at + 8),
        errno: -bytes.readInt32LE(at + 52),
        step: markSteps[bytes.readUInt16LE(at + 60)] ?? "none",
      };
    case 6:
      return { kind: "barrier", token };
    case 7:
      return { kind: "unmarked", token, errno: -bytes.readInt32LE(at + 52) };
    default:
      throw new Error(`Cannot decode a record of the shim: kind ${kind}`);
  }
}

function decodeOpen(bytes: Buffer, at: number): OpenRecord {
  const flags = bytes.readUInt16LE(at + 60);
  const pathLength = bytes.readUInt16LE(at + 62);
  const deleted = (flags & FLAG_DELETED) !== 0;
  const path = bytes.toString("latin1", at + HEADER_BYTES, at + HEADER_BYTES + pathLength);
  return {
    kind: "open",
    timeNs: readUInt64(bytes, at + 8),
    mountId: readUInt64(bytes, at + 16),
    device: readDevice(bytes, at),
    inode: bytes.readUInt32LE(at + 24) + (bytes.readUInt32LE(at + 28) & INODE_HIGH_MASK) * TWO_TO_32,
    bornMs: readUInt64(bytes, at + 64) / 1e6,
    sizeBytes: readUInt64(bytes, at + 32),
    pid: bytes.readInt32LE(at + 48),
    mode: bytes.readUInt32LE(at + 56),
    deleted,
    exec: (flags & FLAG_EXEC) !== 0,
    // The kernel appends the suffix; a living file may end in the same text by its own right.
    path: deleted && path.endsWith(DELETED_SUFFIX) ? path.slice(0, -DELETED_SUFFIX.length) : path,
  };
}

function readDevice(bytes: Buffer, at: number): DeviceNumber {
  return deviceNumber(bytes.readUInt32LE(at + 40), bytes.readUInt32LE(at + 44));
}

function readUInt64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * TWO_TO_32;
}
