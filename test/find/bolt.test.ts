import { describe, expect, test } from "bun:test";
import { BoltBucket, openBolt } from "../../src/find/bolt.ts";
import { readDatabase } from "../../src/find/containerd-db.ts";
import { random, testSeed } from "../helpers/random.ts";
import { BoltWriter, PAGE_BYTES, type Tree } from "./bolt-writer.ts";

function reader(bytes: Uint8Array) {
  return (offset: number, length: number) => bytes.subarray(offset, offset + length);
}

/** All that is in a bucket, as it was written. */
function toTree(bucket: BoltBucket): Tree {
  return Object.fromEntries(
    [...bucket.entries()].map(({ key, value }) => [
      key,
      value instanceof BoltBucket ? toTree(value) : Buffer.from(value).toString(),
    ]),
  );
}

const tree: Tree = {
  v1: {
    "k8s.io": { containers: { a: { image: "nginx:1", labels: { x: "y" } }, b: { image: "redis:7" } } },
    long: { text: "z".repeat(10_000), more: { a: "1", b: "2", c: "3", d: "4", e: "5", f: "6", g: "7" } },
  },
};

describe("openBolt()", () => {
  test("reads buckets inline, on pages of their own, with overflow and below branches", () => {
    const bucket = openBolt(reader(new BoltWriter().write(tree)));
    expect(bucket && toTree(bucket)).toEqual(tree);
  });

  test.each([0, 1] as const)("reads while meta page %d is being written", (broken) => {
    const bucket = openBolt(reader(new BoltWriter().write(tree, broken)));
    expect(bucket && toTree(bucket)).toEqual(tree);
  });

  test.each([
    ["nothing", ""],
    ["text", "x".repeat(20_000)],
    ["zeros", "\0".repeat(20_000)],
  ])("%s is no database", (_, text) => {
    expect(openBolt(reader(Buffer.from(text)))).toBeUndefined();
  });

  test("a page that leads to itself has an end", () => {
    const bytes = new BoltWriter().write({ a: "1", b: "2", c: "3", d: "4" });
    const branch = bytes.length - PAGE_BYTES;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (const element of [0, 1]) {
      view.setBigUint64(branch + 16 + element * 16 + 8, BigInt(branch / PAGE_BYTES), true);
    }
    expect([...(openBolt(reader(bytes))?.entries() ?? [])]).toEqual([]);
  });

  test("a page that no file can have is not asked for", () => {
    const bytes = new BoltWriter().write({ a: "1", b: "2", c: "3", d: "4" });
    const branch = bytes.length - PAGE_BYTES;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setBigUint64(branch + 16 + 8, 1n << 60n, true);
    const offsets: number[] = [];
    const read = (offset: number, length: number) => {
      offsets.push(offset);
      return bytes.subarray(offset, offset + length);
    };
    const keys = [...(openBolt(read)?.entries() ?? [])].map(({ key }) => key);
    expect(keys).toEqual(["c", "d"]);
    expect(offsets.every(Number.isSafeInteger)).toBe(true);
  });

  const seed = testSeed();
  test(`bytes that were changed at random never throw (seed ${seed})`, () => {
    const next = random(seed);
    const whole = new BoltWriter().write(tree);
    for (let round = 0; round < 2000; round++) {
      const bytes = Buffer.from(whole);
      for (let change = 0; change < 8; change++) {
        // Not the meta pages, whose checksum would tell.
        const at = 2 * PAGE_BYTES + Math.floor(next() * (bytes.length - 2 * PAGE_BYTES));
        bytes[at] = Math.floor(next() * 256);
      }
      const bucket = openBolt(reader(bytes));
      if (bucket !== undefined) toTree(bucket);
    }
  });
});

describe("readDatabase()", () => {
  const spec = (annotations: Record<string, string>) => {
    const json = Buffer.from(JSON.stringify({ ociVersion: "1.1.0", annotations }));
    const length = Buffer.from([(json.length & 0x7f) | 0x80, json.length >> 7]);
    return Buffer.concat([Buffer.from("\x0a\x03url\x12"), length, json]);
  };
  const stored: Tree = {
    v1: {
      "k8s.io": {
        containers: {
          a1: {
            image: "docker.io/library/nginx:1",
            spec: spec({
              "io.kubernetes.cri.container-name": "nginx",
              "io.kubernetes.cri.sandbox-name": "web-0",
              "io.kubernetes.cri.sandbox-namespace": "default",
              "io.kubernetes.cri.image-name": "nginx:1",
            }),
          },
        },
      },
      default: {
        containers: {
          job: { image: "redis:7", spec: "garbage" },
          c3: { image: "app:1", labels: { "nerdctl/name": "db" } },
          "../x": { image: "evil:1" },
          text: "no bucket",
        },
      },
    },
  };

  test("tells images, names of the specification's annotations, of labels, and ids", () => {
    const found = readDatabase(reader(new BoltWriter().write(stored)), () => true);
    const common = { runtime: "containerd", isSandbox: false } as const;
    expect(found).toEqual([
      {
        ...common,
        namespace: "k8s.io",
        id: "a1",
        name: "nginx",
        pod: { name: "web-0", namespace: "default" },
        imageReference: "nginx:1",
      },
      { ...common, namespace: "default", id: "job", name: "job", imageReference: "redis:7" },
      { ...common, namespace: "default", id: "c3", name: "db", imageReference: "app:1" },
    ]);
  });

  test("reads those that are wanted alone", () => {
    const found = readDatabase(reader(new BoltWriter().write(stored)), (namespace) => namespace === "k8s.io");
    expect(found.map(({ id }) => id)).toEqual(["a1"]);
  });
});
