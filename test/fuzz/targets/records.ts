import { RecordDecoder } from "../../../src/trace/records.ts";
import { concat, cut } from "../../helpers/splits.ts";
import { about, check, checkSame } from "../check.ts";
import type { Target } from "../fuzzer.ts";

const HEADER_BYTES = 72;

function record(kind: number, path = "", flags = 0): Uint8Array {
  const used = HEADER_BYTES + path.length;
  const bytes = Buffer.alloc(Math.ceil(used / 8) * 8);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt32LE(kind, 4);
  bytes.writeBigUInt64LE(123_456_789_012n, 8);
  bytes.writeBigUInt64LE(4711n, 16);
  bytes.writeBigUInt64LE(7n, 24);
  bytes.writeInt32LE(-12, 52);
  bytes.writeUInt16LE(flags, 60);
  bytes.writeUInt16LE(path.length, 62);
  bytes.write(path, HEADER_BYTES, "latin1");
  return new Uint8Array(bytes);
}

const kinds = [1, 2, 3, 4, 5, 6, 7].map((kind) => record(kind));
const opens = [record(1, "/usr/bin/env", 1), record(1, "/gone (deleted)", 2), record(1, "/f".repeat(2000))];

/** The shim's stream: the same for all portions, records or one kind of error, and a bounded rest. */
export const records: Target = {
  name: "shim records",
  seeds: [...kinds, ...opens, concat([...kinds, ...opens])],
  words: [...kinds, ...opens.slice(0, 2)],
  inputsInTests: 3000,
  run(input, next) {
    const whole = decode([input]);
    checkSame(decode(cut(input, () => next() ** 4 * 500)), whole, "records in portions and at once");
    check(whole.buffered < 8192, "the rest is less than a record");
    return `${whole.error} ${about(whole.records.length)} ${[...new Set(whole.records.map(({ kind }) => kind))].sort()}`;
  },
};

function decode(portions: Iterable<Uint8Array>) {
  const decoder = new RecordDecoder();
  try {
    const records = [...portions].flatMap((portion) => decoder.push(portion));
    return { error: "none", records, buffered: decoder.buffered };
  } catch (reason) {
    const message = reason instanceof Error ? reason.message : String(reason);
    check(message.startsWith("Cannot decode a record of the shim"), `a wrong record is told: ${message}`);
    return { error: message.replaceAll(/\d+/g, "n"), records: [], buffered: 0 };
  }
}
