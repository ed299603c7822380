import { type JsonObject, objectAt, parseJson, textAt } from "../json.ts";
import type { ContainerFacts, Runtime } from "./container.ts";

/** Specifications hold the environment and all mounts; the largest that were seen have 100 KB. */
export const SPEC_BYTES_MAX = 8 << 20;

/** What an OCI bundle's config.json says of its container. */
export interface Bundle {
  readonly annotations: JsonObject;
  /** The root file system's folder, in the runtime's view; relative to the bundle, or empty. */
  readonly rootPath: string;
}

export function parseBundle(text: string | undefined): Bundle | undefined {
  const spec = parseJson(text);
  if (textAt(spec, "ociVersion") === "") return undefined;
  return { annotations: objectAt(spec, "annotations"), rootPath: textAt(objectAt(spec, "root"), "path") };
}

/** Who made the bundle, for those that were not found by their monitor; "runc" when it does not say. */
export function managerOf({ annotations }: Bundle): Runtime {
  if (textAt(annotations, "io.kubernetes.cri-o.ContainerType") !== "") return "cri-o";
  switch (textAt(annotations, "io.container.manager")) {
    case "cri-o":
      return "cri-o";
    case "libpod":
      return "podman";
    default:
      return "runc";
  }
}

export type Description = Pick<ContainerFacts, "name" | "pod" | "imageReference" | "isSandbox">;

/** Name, pod and image out of the annotations that the CRI plugin, nerdctl and CRI-O write. */
export function describeBundle({ annotations }: Bundle): Description {
  const text = (key: string) => textAt(annotations, key);
  const labels = parseJson(text("io.kubernetes.cri-o.Labels"));
  const metadata = parseJson(text("io.kubernetes.cri-o.Metadata"));
  const podName =
    text("io.kubernetes.cri.sandbox-name") ||
    textAt(labels, "io.kubernetes.pod.name") ||
    text("io.kubernetes.cri-o.KubeName");
  const podNamespace =
    text("io.kubernetes.cri.sandbox-namespace") ||
    textAt(labels, "io.kubernetes.pod.namespace") ||
    text("io.kubernetes.cri-o.Namespace");
  const isSandbox =
    text("io.kubernetes.cri.container-type") === "sandbox" ||
    text("io.kubernetes.cri-o.ContainerType") === "sandbox";
  const name =
    text("io.kubernetes.cri.container-name") ||
    textAt(labels, "io.kubernetes.container.name") ||
    textAt(metadata, "name") ||
    text("nerdctl/name");
  return {
    // A sandbox has the name "POD", or its pod's.
    name: isSandbox ? "" : name,
    ...(podName === "" ? {} : { pod: { name: podName, namespace: podNamespace } }),
    imageReference:
      text("io.kubernetes.cri.image-name") ||
      text("io.kubernetes.cri-o.ImageName") ||
      text("io.kubernetes.cri-o.Image"),
    isSandbox,
  };
}
