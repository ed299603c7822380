import { parseReference } from "../image/reference.ts";
import type { ContainerFacts } from "./container.ts";

/** What a container can be called by, besides its id. A sandbox has no name that would not be its pod's. */
export function namesOf({ name, pod, namespace, id, isSandbox }: ContainerFacts): string[] {
  if (isSandbox) return [];
  const names = name === "" ? [] : [name];
  if (pod !== undefined && name !== "") {
    names.push(`${pod.name}/${name}`, `${pod.namespace}/${pod.name}/${name}`);
  }
  // Two namespaces of containerd may have one id each.
  if (namespace !== undefined) names.push(`${namespace}/${id}`);
  return names;
}

/** The containers that a user may mean: by full id, else by name, else by the beginning of the id. */
export function select<T extends ContainerFacts>(query: string, containers: readonly T[]): T[] {
  if (query === "") return [];
  const ways: ((container: T) => boolean)[] = [
    ({ id }) => id === query,
    (container) => namesOf(container).includes(query),
    ({ id }) => id.startsWith(query),
  ];
  for (const way of ways) {
    const found = containers.filter(way);
    if (found.length > 0) return found;
  }
  return [];
}

/** The container is of that image, however both are written. Without a tag or digest any of the name will do. */
export function isOfImage(query: string, { imageReference }: ContainerFacts): boolean {
  const wanted = parseReference(query);
  const has = parseReference(imageReference);
  if (wanted === undefined || has === undefined || wanted.familiarName !== has.familiarName) return false;
  if (wanted.digest !== undefined) return wanted.digest === has.digest;
  const isAnyTag = wanted.tag === "latest" && !query.endsWith(":latest");
  return isAnyTag || wanted.tag === has.tag;
}
