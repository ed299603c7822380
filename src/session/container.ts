import type { Container, PodSandbox } from "../gen/nri_pb.ts";

/** What a session needs to know of a container, whichever runtime and NRI version told it. */
export interface ContainerInfo {
  readonly id: string;
  /** The container's name in its pod; may be empty. */
  readonly name: string;
  /** Of its first process, in the host's numbering; 0 where the runtime does not tell (CRI-O before 1.36). */
  readonly pid: number;
  /** As the runtime has it: not normalised, perhaps an image id, perhaps empty. */
  readonly imageReference: string;
  /** Of the manifest, where the runtime tells it (NRI 0.12.2). */
  readonly imageDigest: string | undefined;
  readonly cgroupsPath: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly pod: PodInfo;
}

/** What a session needs to know of a container's pod. */
export interface PodInfo {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The annotations that name the image, the one to prefer first: containerd's, then CRI-O's. */
const imageAnnotations = [
  "io.kubernetes.cri.image-name",
  "io.kubernetes.cri-o.ImageName",
  "io.kubernetes.cri-o.Image",
];

/** Reads an NRI event's messages. Nothing in them can be relied on to be there. */
export function containerInfo(pod: PodSandbox, container: Container): ContainerInfo {
  const { annotations, labels } = container;
  const named = imageAnnotations.map((key) => annotations[key]).find((value) => value);
  return {
    id: container.id,
    name: container.name || labels["io.kubernetes.container.name"] || "",
    pid: container.pid,
    imageReference: container.image?.name || named || "",
    imageDigest: container.image?.digest || undefined,
    cgroupsPath: container.linux?.cgroupsPath ?? "",
    labels,
    pod: { name: pod.name, namespace: pod.namespace, uid: pod.uid, labels: pod.labels },
  };
}
