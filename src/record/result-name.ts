import { formatReference, type ImageReference } from "../image/reference.ts";

const COMPONENT_BYTES_MAX = 200; // of the 255 that file systems allow: suffixes come behind
const UNNAMED = "_unnamed";
const WORKLOADS = "_workloads";
const REGISTRIES = "_registries";
/** Docker's own name for an image of Docker Hub without an organization. */
const OFFICIAL = "library";

/** Before the image: `_workloads`, namespace, workload, container. */
const OWNER_PARTS = 4;

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

/** The image's part of a workload's name, and of one that had to give way; or the whole of any other. */
export function imagePart(name: string): string {
  const { image } = split(name);
  return image.startsWith(`${REGISTRIES}/`) ? image.slice(REGISTRIES.length + 1) : image;
}

/** What is a name and a tag, and a registry and its port as well: `localhost:5000`, and `postgres:16` too. */
const ambiguousPart = /^[a-z0-9]+(?:(?:\.|-+)[a-z0-9]+)*:\d+$/;

/**
 * The list of an image `host:5000` is a file, and the lists of the registry `host:5000` are in a folder of that name.
 * Where the first one has the place, the second one has this name: `library/host:5000`, or
 * `_registries/host:5000/app:1`. Undefined for names to which that cannot happen.
 */
export function otherName(name: string): string | undefined {
  const { owner, image } = split(name);
  const [first = "", ...rest] = image.split("/");
  if (!ambiguousPart.test(first)) return undefined;
  return `${owner}${rest.length === 0 ? OFFICIAL : REGISTRIES}/${image}`;
}

/** Whether one of two results would be a file where the other one needs a folder. */
export function exclude(one: string, another: string): boolean {
  return one.startsWith(`${another}/`) || another.startsWith(`${one}/`);
}

/** The path, in persist_dir, that a name and its like compete for. */
export function contestedPath(name: string): string {
  const { owner, image } = split(name);
  return owner + image.split("/", 1)[0];
}

function split(name: string): { readonly owner: string; readonly image: string } {
  const parts = name.split("/");
  const isWorkload = parts[0] === WORKLOADS && parts.length > OWNER_PARTS;
  const owner = isWorkload ? `${parts.slice(0, OWNER_PARTS).join("/")}/` : "";
  return { owner, image: name.slice(owner.length) };
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
