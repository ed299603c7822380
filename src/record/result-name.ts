import { formatReference, type ImageReference } from "../image/reference.ts";

const COMPONENT_BYTES_MAX = 200; // of the 255 that file systems allow: suffixes come behind
const UNNAMED = "_unnamed";
const WORKLOADS = "_workloads";

/** A suffix of ours at the end of a tag would make one image's list another one's companion. */
const reservedEnding = /\.(?:csv|json)$/;

/** What a name needs of a container. */
export interface NamedContainer {
  readonly name: string;
  readonly id: string;
}

/**
 * The path of an image's result below persist_dir: the familiar reference, or `_unnamed/<container>`
 * for a container whose image has no usable one. It never leads out of persist_dir: a reference's
 * grammar has no empty, `.` or `..` component, and a container's name is cleaned.
 */
export function resultName(image: ImageReference | undefined, container: NamedContainer): string {
  return imageName(image) ?? `${UNNAMED}/${containerPart(container)}`;
}

/** Whose result it is, where each workload has its own. */
export interface WorkloadOwner {
  /** Of the pod. */
  readonly namespace: string;
  /** From workloadName(). */
  readonly workload: string;
  readonly container: NamedContainer;
}

/** The path of a workload's result below persist_dir: `_workloads/<namespace>/<workload>/<container>/<image>`. */
export function workloadResultName(
  image: ImageReference | undefined,
  { namespace, workload, container }: WorkloadOwner,
): string {
  const parts = [namespace, workload].map((part) => cleanPart(part) ?? UNNAMED);
  return [WORKLOADS, ...parts, containerPart(container), imageName(image) ?? UNNAMED].join("/");
}

/** The image's part of a workload's name, or the whole of any other. */
export function imagePart(name: string): string {
  const [first, ...rest] = name.split("/");
  return first === WORKLOADS && rest.length > 3 ? rest.slice(3).join("/") : name;
}

function imageName(image: ImageReference | undefined): string | undefined {
  const name = image === undefined ? undefined : formatReference(image);
  return name !== undefined && isUsable(name) ? name : undefined;
}

function isUsable(name: string): boolean {
  return name.split("/").every((part) => part.length <= COMPONENT_BYTES_MAX) && !reservedEnding.test(name);
}

function containerPart({ name, id }: NamedContainer): string {
  return cleanFileName(name) ?? cleanFileName(id) ?? "container";
}

function cleanFileName(name: string): string | undefined {
  const clean = cleanPart(name);
  return clean === undefined || reservedEnding.test(clean) ? undefined : clean;
}

/**
 * Keeps what Kubernetes allows in a name, and hides nothing behind a dot; undefined when nothing that tells anything is
 * left.
 */
function cleanPart(name: string): string | undefined {
  const clean = name.replace(/[^A-Za-z0-9_.-]|^\./g, "_").slice(0, COMPONENT_BYTES_MAX);
  return /^[._]*$/.test(clean) ? undefined : clean;
}
