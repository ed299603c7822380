import { create } from "@bufbuild/protobuf";
import type { Cri } from "./cri.ts";
import {
  NamespaceMode,
  NamespaceOptionSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from "./gen/cri_pb.ts";

/** A pod to make, in the words of the CRI. */
export interface PodOptions {
  /** "test" by default. */
  readonly name?: string;
  /** "default" by default. */
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

/** A pod without containers. It stays until the CRI is told to remove it, or containerd is disposed of. */
export interface Pod {
  readonly id: string;
  /** The CRI wants it again with each container. */
  readonly config: PodSandboxConfig;
}

/** The rig has no CNI. */
export const HOST_NETWORK = create(NamespaceOptionSchema, { network: NamespaceMode.NODE });

let count = 0;

/** Makes a pod on the host's network, with its containers' cgroups below `cgroup`. */
export async function startPod(
  cri: Cri,
  cgroup: string,
  { name = "test", namespace = "default", annotations = {}, labels = {} }: PodOptions = {},
): Promise<Pod> {
  // The CRI tells pods apart by name, namespace and attempt: of one name there may be several.
  const attempt = ++count;
  const config = create(PodSandboxConfigSchema, {
    metadata: { name, uid: `${name}-${process.pid}-${attempt}`, namespace, attempt },
    annotations: { ...annotations },
    labels: { ...labels },
    linux: { cgroupParent: cgroup, securityContext: { namespaceOptions: HOST_NETWORK } },
  });
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config });
  return { id: podSandboxId, config };
}
