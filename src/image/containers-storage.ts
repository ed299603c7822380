/**
 * What containers/storage (of CRI-O and Podman) tells of a container's layers besides its mount's options. Each layer has a
 * folder `<id>` with its files in `diff`, and a symbolic link with a short name, `l/<SHORT>`, which mounts are made with.
 * Where even these are too much for the one page that mount(2) takes, as with some 60 layers, it opens the layers and
 * mounts with the numbers of the descriptors: `lowerdir=3:6:7`. Nothing in the mount says then which folders they are.
 */

/** Whether layers are named by descriptors of a process that is long gone. */
export function areDescriptors(lower: readonly string[]): boolean {
  return lower.length > 0 && lower.every((name) => /^\d{1,9}$/.test(name));
}

/** The file that has the links of a container's layers, beside its upper folder; undefined when that is another's. */
export function lowerFileOf(upper: string | undefined): string | undefined {
  return upper?.match(/^(\/.*)\/diff$/s)?.[1]?.concat("/lower");
}

/**
 * Reads that file: `l/<SHORT>:l/<SHORT>…`, the topmost layer first. Returns absolute paths, or undefined when it has
 * anything else. Whoever wrote it cannot name a folder that does not lie, or is not linked to, in `l`.
 */
export function parseLowerFile(path: string, text: string): string[] | undefined {
  const home = path.replace(/\/[^/]+\/lower$/, "");
  const names = text.trimEnd().split(":");
  return names.every((name) => /^l\/[A-Z0-9]+$/.test(name))
    ? names.map((name) => `${home}/${name}`)
    : undefined;
}
