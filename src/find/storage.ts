import { isObject, parseJson, textAt } from "../json.ts";
import type { ContainerFacts } from "./container.ts";
import { isContainerId } from "./monitors.ts";

/** The two files of a `<driver>-containers` folder; containers of `podman run --rm` are in the second. */
export const STORAGE_FILES = ["containers.json", "volatile-containers.json"] as const;

/** Parses one of them. What is no container in it is passed over. */
export function parseStorage(text: string | undefined): ContainerFacts[] {
  const list = parseJson(text);
  if (!Array.isArray(list)) return [];
  return list.flatMap((entry: unknown): ContainerFacts[] => {
    const id = textAt(entry, "id");
    if (!isContainerId(id)) return [];
    // A JSON text inside of the JSON.
    const metadata = parseJson(textAt(entry, "metadata"));
    const name = textAt(metadata, "name") || firstName(entry);
    const imageReference = textAt(metadata, "image-name");
    const kubernetes = textAt(metadata, "pod-name") === "" ? undefined : parseKubernetesName(name);
    if (kubernetes === undefined) return [{ runtime: "podman", id, name, imageReference, isSandbox: false }];
    return [{ runtime: "cri-o", id, imageReference, ...kubernetes }];
  });
}

/** CRI-O's own names: `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`, with POD for the sandbox. */
function parseKubernetesName(text: string): Pick<ContainerFacts, "name" | "pod" | "isSandbox"> | undefined {
  const [prefix, name = "", pod = "", namespace = "", ...rest] = text.split("_");
  if (prefix !== "k8s" || rest.length !== 2) return undefined;
  const isSandbox = name === "POD";
  return { name: isSandbox ? "" : name, pod: { name: pod, namespace }, isSandbox };
}

/** The storage's root folder out of a storage.conf. It is TOML, of which this line alone is wanted. */
export function parseGraphRoot(text: string | undefined): string | undefined {
  return /^[ \t]*graphroot[ \t]*=[ \t]*["'](\/[^"'\n]*)["']/m.exec(text ?? "")?.[1];
}

function firstName(entry: unknown): string {
  const names: unknown = isObject(entry) ? entry["names"] : undefined;
  const first: unknown = Array.isArray(names) ? names[0] : undefined;
  return typeof first === "string" ? first : "";
}
