import { BoltBucket, openBolt, type ReadAt } from "../../../src/find/bolt.ts";
import { readDatabase } from "../../../src/find/containerd-db.ts";
import { BoltWriter, PAGE_BYTES, type Tree } from "../../find/bolt-writer.ts";
import { about, check, texts } from "../check.ts";
import type { Target } from "../fuzzer.ts";

const tree: Tree = {
  v1: {
    "k8s.io": { containers: { a: { image: "nginx:1", labels: { x: "y" } }, b: { image: "redis:7" } } },
    long: { text: "z".repeat(5000), more: { a: "1", b: "2", c: "3", d: "4", e: "5", f: "6", g: "7" } },
  },
};

/** containerd's database: entries or nothing, and an end to every walk. */
export const bolt: Target = {
  name: "bolt database",
  seeds: [new BoltWriter().write(tree), new BoltWriter().write({ a: "1", b: "2", c: "3", d: "4" })],
  words: texts("\x01\0\0\0", "\x02\0\0\0", "\xff\xff\xff\xff"),
  inputsInTests: 1000,
  run(input) {
    const bytes = withSums(input);
    let asked = 0;
    const read: ReadAt = (offset, length) => {
      check(Number.isSafeInteger(offset) && offset >= 0, "offsets are of a file");
      check(length >= 0 && length <= 16 << 20, "no more than 16 MiB are read at once");
      asked++;
      return bytes.subarray(offset, offset + length);
    };
    const bucket = openBolt(read);
    const containers = readDatabase(read, () => true);
    return `${bucket === undefined ? "none" : about(count(bucket, 0))} ${about(containers.length)} ${about(asked)}`;
  },
};

function count(bucket: BoltBucket, depth: number): number {
  let entries = 0;
  for (const { value } of bucket.entries()) {
    entries++;
    if (value instanceof BoltBucket && depth < 4) entries += count(value, depth + 1);
  }
  return entries;
}

/** With the sums of both meta pages right, else hardly a change of them would be looked at. */
function withSums(input: Uint8Array): Uint8Array {
  const bytes = Buffer.from(input);
  for (const page of [0, PAGE_BYTES]) {
    if (bytes.length < page + 80) continue;
    let hash = 0xcbf29ce484222325n;
    for (const byte of bytes.subarray(page + 16, page + 72)) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
    }
    bytes.writeBigUInt64LE(hash, page + 72);
  }
  return bytes;
}
