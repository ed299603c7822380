import { formatReference, type ImageReference } from "../image/reference.ts";

const COMPONENT_BYTES_MAX = 200; // of the 255 that file systems allow: suffixes come behind
const UNNAMED = "_unnamed";

/** A suffix of ours at the end of a tag would make one image's list another one's companion. */
const reservedEnding = /\.(?:csv|json)$/;

/**
 * The path of a result below persist_dir: the familiar image reference, or `_unnamed/<container>`
 * for a container whose image has no usable one. It never leads out of persist_dir: a reference's
 * grammar has no empty, `.` or `..` component, and a container's name is cleaned.
 */
export function resultName(
  image: ImageReference | undefined,
  container: { readonly name: string; readonly id: string },
): string {
  const name = image === undefined ? undefined : formatReference(image);
  if (name !== undefined && isUsable(name)) return name;
  return `${UNNAMED}/${cleanName(container.name) ?? cleanName(container.id) ?? "container"}`;
}

function isUsable(name: string): boolean {
  return name.split("/").every((part) => part.length <= COMPONENT_BYTES_MAX) && !reservedEnding.test(name);
}

/** Keeps what Kubernetes allows in a name; undefined when nothing that tells anything is left. */
function cleanName(name: string): string | undefined {
  const clean = name.replace(/[^A-Za-z0-9_.-]/g, "_").slice(0, COMPONENT_BYTES_MAX);
  return /^[._]*$/.test(clean) || reservedEnding.test(clean) ? undefined : clean;
}
