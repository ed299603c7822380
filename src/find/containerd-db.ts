import { BoltBucket, openBolt, type ReadAt } from "./bolt.ts";
import type { KnownContainer } from "./container.ts";
import { isContainerId } from "./monitors.ts";

/** Where containerd's metadata is, below its root folder. */
export const DATABASE = "io.containerd.metadata.v1.bolt/meta.db";

/**
 * The containers in containerd's metadata: `v1/<namespace>/containers/<id>`, with their image and labels. It knows the
 * images of containers of `ctr` and nerdctl, which their bundles do not, and containers that do not run.
 */
export function readDatabase(read: ReadAt): KnownContainer[] {
  const containers: KnownContainer[] = [];
  for (const { key: namespace, value } of openBolt(read)?.bucket("v1")?.entries() ?? []) {
    if (!(value instanceof BoltBucket)) continue;
    for (const { key: id, value: container } of value.bucket("containers")?.entries() ?? []) {
      if (container instanceof BoltBucket && isContainerId(id))
        containers.push(describe(namespace, id, container));
    }
  }
  return containers;
}

function describe(namespace: string, id: string, bucket: BoltBucket): KnownContainer {
  const texts = textsOf(bucket);
  const label = textsOf(bucket.bucket("labels"));
  const podName = label.get("io.kubernetes.pod.name") ?? "";
  const isSandbox = label.get("io.cri-containerd.kind") === "sandbox";
  // ctr has no names: what a user gives is the id.
  const name = label.get("io.kubernetes.container.name") ?? label.get("nerdctl/name") ?? id;
  return {
    runtime: "containerd",
    namespace,
    id,
    name: isSandbox ? "" : name,
    ...(podName === ""
      ? {}
      : { pod: { name: podName, namespace: label.get("io.kubernetes.pod.namespace") ?? "" } }),
    imageReference: texts.get("image") ?? "",
    isSandbox,
  };
}

function textsOf(bucket: BoltBucket | undefined): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { key, value } of bucket?.entries() ?? []) {
    if (!(value instanceof BoltBucket)) texts.set(key, Buffer.from(value).toString("utf8"));
  }
  return texts;
}
