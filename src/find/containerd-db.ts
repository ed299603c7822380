import { BoltBucket, openBolt, type ReadAt } from "./bolt.ts";
import { describeBundle, parseBundle } from "./bundle.ts";
import type { KnownContainer } from "./container.ts";
import { isContainerId } from "./monitors.ts";

/** Where containerd's metadata is, below its root folder. */
export const DATABASE = "io.containerd.metadata.v1.bolt/meta.db";

/**
 * Those containers in containerd's metadata that are wanted, at `v1/<namespace>/containers/<id>`. It knows the images of
 * containers of `ctr` and nerdctl, which their bundles do not, and containers that do not run.
 */
export function readDatabase(
  read: ReadAt,
  isWanted: (namespace: string, id: string) => boolean,
): KnownContainer[] {
  const containers: KnownContainer[] = [];
  for (const { key: namespace, value } of openBolt(read)?.bucket("v1")?.entries() ?? []) {
    if (!(value instanceof BoltBucket)) continue;
    for (const { key: id, value: container } of value.bucket("containers")?.entries() ?? []) {
      if (!(container instanceof BoltBucket) || !isContainerId(id) || !isWanted(namespace, id)) continue;
      containers.push(describe(namespace, id, container));
    }
  }
  return containers;
}

function describe(namespace: string, id: string, container: BoltBucket): KnownContainer {
  const values = valuesOf(container);
  const text = (value: Uint8Array | undefined) => Buffer.from(value ?? []).toString("utf8");
  const bundle = parseBundle(text(valueOfAny(values.get("spec"))));
  const described = bundle && describeBundle(bundle);
  // Older nerdctls have their names in labels alone. ctr has none: what a user gives is the id.
  const label = valuesOf(container.bucket("labels")).get("nerdctl/name");
  const isSandbox = described?.isSandbox ?? false;
  return {
    runtime: "containerd",
    namespace,
    id,
    ...described,
    name: isSandbox ? "" : described?.name || text(label) || id,
    imageReference: described?.imageReference || text(values.get("image")),
    isSandbox,
  };
}

function valuesOf(bucket: BoltBucket | undefined): Map<string, Uint8Array> {
  const values = new Map<string, Uint8Array>();
  for (const { key, value } of bucket?.entries() ?? []) {
    if (!(value instanceof BoltBucket)) values.set(key, value);
  }
  return values;
}

const TYPE_URL_TAG = 0x0a;
const VALUE_TAG = 0x12;

/** The value of a protobuf Any, as its encoders write it: the type's URL, then the value. */
function valueOfAny(bytes: Uint8Array | undefined): Uint8Array | undefined {
  if (bytes?.[0] !== TYPE_URL_TAG) return undefined;
  const url = readField(bytes, 1);
  if (bytes[url.end] !== VALUE_TAG) return undefined;
  const value = readField(bytes, url.end + 1);
  return bytes.subarray(value.start, value.end);
}

/** Where the bytes of a field lie whose length stands at `at`, seven bits a byte. */
function readField(bytes: Uint8Array, at: number): { start: number; end: number } {
  let length = 0;
  let start = at;
  for (let factor = 1; start < at + 5; factor *= 128) {
    const byte = bytes[start++] ?? 0;
    length += (byte & 0x7f) * factor;
    if (byte < 0x80) break;
  }
  return { start, end: start + length };
}
