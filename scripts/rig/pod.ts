import { create } from "@bufbuild/protobuf";
import { IDMAP_HANDLER } from "./containerd-config.ts";
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
  /** Whether its containers are in a user namespace of their own, as with `hostUsers: false`. */
  readonly userNamespace?: boolean;
}

/** A pod without containers. It stays until the CRI is told to remove it, or containerd is disposed of. */
export interface Pod {
  readonly id: string;
  /** The CRI wants it again with each container. */
  readonly config: PodSandboxConfig;
}

/** The ids of a pod in a user namespace, as the kubelet would choose them. */
const IDS = [{ containerId: 0, hostId: 100_000, length: 65_536 }];

let count = 0;

/** Makes a pod on the host's network, with its containers' cgroups below `cgroup`. */
export async function startPod(
  cri: Cri,
  cgroup: string,
  {
    name = "test",
    namespace = "default",
    annotations = {},
    labels = {},
    userNamespace = false,
  }: PodOptions = {},
): Promise<Pod> {
  // The CRI tells pods apart by name, namespace and attempt: of one name there may be several.
  const attempt = ++count;
  const namespaceOptions = create(NamespaceOptionSchema, {
    // A root that is not the host's cannot mount the sysfs of the host's network.
    network: userNamespace ? NamespaceMode.POD : NamespaceMode.NODE,
    ...(userNamespace && { usernsOptions: { mode: NamespaceMode.POD, uids: IDS, gids: IDS } }),
  });
  const config = create(PodSandboxConfigSchema, {
    metadata: { name, uid: `${name}-${process.pid}-${attempt}`, namespace, attempt },
    annotations: { ...annotations },
    labels: { ...labels },
    linux: { cgroupParent: cgroup, securityContext: { namespaceOptions } },
  });
  const runtimeHandler = userNamespace ? IDMAP_HANDLER : "";
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config, runtimeHandler });
  return { id: podSandboxId, config };
}
