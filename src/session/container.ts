import type { Container, PodSandbox } from "../gen/nri_pb.ts";
import { parseReference } from "../image/reference.ts";

/** What a session needs to know of a container, whichever runtime and NRI version told it. */
export interface ContainerInfo {
  readonly id: string;
  /** The container's name in its pod; may be empty. */
  readonly name: string;
  /** Of its first process, in the host's numbering; 0 where the runtime does not tell (CRI-O before 1.36). */
  readonly pid: number;
  /** As the runtime has it: not normalised, perhaps an image id, perhaps empty. */
  readonly imageReference: string;
  /** Of the manifest, where the runtime tells it: NRI 0.12.2, or CRI-O by an annotation. */
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

const CRIO_NAME = "io.kubernetes.cri-o.ContainerName";
const CRIO_DIGESTS = "io.kubernetes.cri-o.ImageRepoDigests";

/** Reads an NRI event's messages. Nothing in them can be relied on to be there. */
export function containerInfo(pod: PodSandbox, container: Container): ContainerInfo {
  const { annotations, labels } = container;
  const named = imageAnnotations.map((key) => annotations[key]).find((value) => value);
  const imageReference = container.image?.name || named || "";
  return {
    id: container.id,
    name: container.name || labels["io.kubernetes.container.name"] || crioName(annotations[CRIO_NAME]),
    pid: container.pid,
    imageReference,
    imageDigest: container.image?.digest || crioDigest(annotations[CRIO_DIGESTS], imageReference),
    cgroupsPath: container.linux?.cgroupsPath ?? "",
    labels,
    pod: { name: pod.name, namespace: pod.namespace, uid: pod.uid, labels: pod.labels },
  };
}

/** CRI-O's own name of a container: `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`. */
function crioName(text = ""): string {
  const [prefix, name = "", ...others] = text.split("_");
  return prefix === "k8s" && others.length === 4 ? name : "";
}

/**
 * Of what CRI-O knows an image by, `repository@sha256:…,…`, the first digest in the repository of its reference. The
 * reference's own digest, if it has one, is what was asked for: then there is none besides.
 */
function crioDigest(text = "", reference: string): string | undefined {
  const image = parseReference(reference);
  if (image?.digest !== undefined) return undefined;
  const known = text.split(",").map((each) => parseReference(each.trim()));
  return known.find((each) => each?.digest && (!image || each.familiarName === image.familiarName))?.digest;
}
