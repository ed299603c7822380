import { describe, expect, test } from "bun:test";
import { deviceNumber, RecordDecoder, type TraceRecord } from "../../src/trace/records.ts";
import { testSeed } from "../helpers/random.ts";
import { concat, everyCut, splits } from "../helpers/splits.ts";

/** The fields of `struct opt_record`, by the names of native/shim.h. */
interface Fields {
  readonly kind: number;
  readonly time_ns?: bigint;
  readonly mount_id?: bigint;
  readonly token?: bigint;
  readonly size?: bigint;
  readonly dev?: readonly [number, number];
  readonly pid?: number;
  readonly status?: number;
  readonly mode?: number;
  readonly flags?: number;
  readonly born_ns?: bigint;
  readonly path?: string;
}

/** A record as the shim writes it. */
function encode(fields: Fields): Uint8Array {
  const path = Buffer.from(fields.path ?? "", "latin1");
  const bytes = Buffer.alloc(Math.ceil((72 + path.byteLength) / 8) * 8);
  bytes.writeUInt32LE(bytes.byteLength, 0);
  bytes.writeUInt32LE(fields.kind, 4);
  bytes.writeBigUInt64LE(fields.time_ns ?? 0n, 8);
  bytes.writeBigUInt64LE(fields.mount_id ?? 0n, 16);
  bytes.writeBigUInt64LE(fields.token ?? 0n, 24);
  bytes.writeBigUInt64LE(fields.size ?? 0n, 32);
  bytes.writeUInt32LE(fields.dev?.[0] ?? 0, 40);
  bytes.writeUInt32LE(fields.dev?.[1] ?? 0, 44);
  bytes.writeInt32LE(fields.pid ?? 0, 48);
  bytes.writeInt32LE(fields.status ?? 0, 52);
  bytes.writeUInt32LE(fields.mode ?? 0, 56);
  bytes.writeUInt16LE(fields.flags ?? 0, 60);
  bytes.writeUInt16LE(path.byteLength, 62);
  bytes.writeBigUInt64LE(fields.born_ns ?? 0n, 64);
  path.copy(bytes, 72);
  return bytes;
}

const open = {
  kind: "open",
  timeNs: 0,
  mountId: 0,
  device: deviceNumber(0, 0),
  inode: 0,
  bornMs: 0,
  sizeBytes: 0,
  pid: 0,
  mode: 0,
  deleted: false,
  exec: false,
  path: "",
} as const;

const table: readonly (readonly [string, Fields, TraceRecord])[] = [
  [
    "an open",
    {
      kind: 1,
      time_ns: 5_000_000_001n,
      mount_id: 0x1_0000_0007n,
      token: 0xf000_0001_0000_0002n,
      born_ns: 1_700_000_000_500_000_000n,
      size: 0x2_0000_0001n,
      dev: [8, 17],
      pid: 812,
      mode: 0o100644,
      path: "/etc/passwd",
    },
    {
      ...open,
      timeNs: 5_000_000_001,
      mountId: 0x1_0000_0007,
      inode: 0x1_0000_0002,
      bornMs: 1_700_000_000_500,
      sizeBytes: 0x2_0000_0001,
      device: deviceNumber(8, 17),
      pid: 812,
      mode: 0o100644,
      path: "/etc/passwd",
    },
  ],
  ["an execution", { kind: 1, flags: 1, path: "/bin/sh" }, { ...open, exec: true, path: "/bin/sh" }],
  [
    "a deleted file",
    { kind: 1, flags: 2, path: "/tmp/x (deleted)" },
    { ...open, deleted: true, path: "/tmp/x" },
  ],
  [
    "a living file with the suffix",
    { kind: 1, path: "/tmp/x (deleted)" },
    { ...open, path: "/tmp/x (deleted)" },
  ],
  [
    "a deleted file with the suffix in its name",
    { kind: 1, flags: 2, path: "/x (deleted) (deleted)" },
    { ...open, deleted: true, path: "/x (deleted)" },
  ],
  ["bad UTF-8", { kind: 1, path: "/\xff\x80\n" }, { ...open, path: "/\xff\x80\n" }],
  [
    "the longest path",
    { kind: 1, path: `/${"x".repeat(4095)} (deleted)`, flags: 2 },
    { ...open, deleted: true, path: `/${"x".repeat(4095)}` },
  ],
  ["an overflow", { kind: 2 }, { kind: "overflow" }],
  ["a lost event", { kind: 3, status: -24 }, { kind: "lost", errno: 24 }],
  [
    "arming",
    { kind: 4, token: 7n, mount_id: 99n, dev: [0, 52] },
    { kind: "arming", token: 7, mountId: 99, device: deviceNumber(0, 52) },
  ],
  [
    "a mark",
    { kind: 5, token: 7n, mount_id: 99n, time_ns: 12n },
    { kind: "marked", token: 7, mountId: 99, timeNs: 12, errno: 0, step: "none" },
  ],
  [
    "a mark that failed",
    { kind: 5, token: 7n, status: -1, flags: 4 },
    { kind: "marked", token: 7, mountId: 0, timeNs: 0, errno: 1, step: "mark its root" },
  ],
  ["a barrier", { kind: 6, token: 0x1_0000_0000n }, { kind: "barrier", token: 0x1_0000_0000 }],
];
const units = table.map(([, fields]) => encode(fields));
const records = table.map(([, , record]) => record);

describe("RecordDecoder.push()", () => {
  for (const [what, fields, record] of table) {
    test(`decodes ${what}`, () => {
      const decoded = new RecordDecoder().push(encode(fields));
      expect(decoded.map(withoutMinusZero)).toEqual([record]);
    });
  }

  for (const [step, name] of [
    "none",
    "open its mount namespace",
    "open its root",
    "stat its root",
    "mark its root",
  ].entries()) {
    test(`names step ${step} "${name}"`, () => {
      expect(new RecordDecoder().push(encode({ kind: 5, flags: step }))).toMatchObject([{ step: name }]);
    });
  }

  for (const [name, split] of Object.entries(splits(testSeed()))) {
    test(`yields every record when bytes arrive ${name}`, () => {
      const decoder = new RecordDecoder();
      const decoded = split(units).flatMap((chunk) => decoder.push(chunk));
      expect(decoded.map(withoutMinusZero)).toEqual(records);
      expect(decoder.buffered).toBe(0);
    });
  }

  test("yields a record that is cut in two at any place", () => {
    const bytes = concat(units.slice(0, 3));
    for (const [before, after] of everyCut(bytes)) {
      const decoder = new RecordDecoder();
      const decoded = [...decoder.push(before), ...decoder.push(after)];
      expect(decoded).toEqual(records.slice(0, 3));
    }
  });

  test("keeps nothing of the chunk it was given", () => {
    const decoder = new RecordDecoder();
    const [chunk = new Uint8Array(0)] = units;
    const before = chunk.slice(0, 75);
    decoder.push(before);
    expect(decoder.buffered).toBe(75);
    before.fill(0xff);
    expect(decoder.push(chunk.slice(75))).toEqual(records.slice(0, 1));
  });

  for (const length of [0, 71, 73, 4360, 0xffffffff]) {
    test(`refuses a length of ${length}`, () => {
      const bytes = Buffer.alloc(72);
      bytes.writeUInt32LE(length, 0);
      expect(() => new RecordDecoder().push(bytes)).toThrow(
        new Error(`Cannot decode a record of the shim: length ${length}`),
      );
    });
  }

  test("refuses a path that is longer than its record", () => {
    const bytes = encode({ kind: 1, path: "/etc" });
    bytes[62] = 9;
    expect(() => new RecordDecoder().push(bytes)).toThrow(
      new Error("Cannot decode a record of the shim: a path of 9 bytes in 80"),
    );
  });

  for (const kind of [0, 8]) {
    test(`refuses kind ${kind}`, () => {
      expect(() => new RecordDecoder().push(encode({ kind }))).toThrow(
        new Error(`Cannot decode a record of the shim: kind ${kind}`),
      );
    });
  }
});

/** An errno of 0 is negated on its way. */
function withoutMinusZero(record: TraceRecord): TraceRecord {
  return "errno" in record ? { ...record, errno: record.errno + 0 } : record;
}
