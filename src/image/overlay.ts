/** The directories that an overlay mount is made of. Paths as the mount's options have them. */
export interface OverlayDirectories {
  /** The layers of the image, the topmost first. */
  readonly lower: readonly string[];
  /** Where changes go; undefined for a read-only mount. */
  readonly upper: string | undefined;
}

/**
 * Reads the directories out of the options of an overlay super block (mountinfo, already split and
 * without its octal escapes). Layers come as one `lowerdir=` with colons between them, or, since
 * Linux 6.5 and where they were given so, as one `lowerdir+=` each. Data-only layers hold no names
 * and are left out.
 */
export function parseOverlayOptions(superOptions: readonly string[]): OverlayDirectories {
  const lower: string[] = [];
  let upper: string | undefined;
  for (const option of superOptions) {
    const equals = option.indexOf("=");
    const key = equals < 0 ? option : option.slice(0, equals);
    const value = option.slice(equals + 1);
    if (key === "lowerdir") lower.push(...splitLowerdir(value));
    else if (key === "lowerdir+") lower.push(value);
    else if (key === "upperdir") upper = value;
  }
  return { lower, upper };
}

/** At single colons. As in the kernel, a backslash takes its meaning from whatever is behind it. */
function splitLowerdir(value: string): string[] {
  const [named = ""] = /^(?:\\.|:(?!:)|[^:\\])*/s.exec(value) ?? []; // data-only layers follow two colons
  return (named.match(/(?:\\.|[^:\\])+/gs) ?? []).map((path) => path.replace(/\\(.)/gs, "$1"));
}

/**
 * The layers' absolute paths, the topmost first. Where a mount has many layers, container runtimes
 * shorten the options: they change into a folder above the layers and mount with paths relative to it.
 * That folder is among the ancestors of the upper directory, or of the places where the mount is
 * visible. Returns undefined when no folder has all layers.
 *
 * For a container in a user namespace, containerd (since 2.1) makes the overlay of what it sees through a
 * second mount of the layers' folder, with other owners, which it then takes away: only the ends of such
 * paths, `3/fs`, say where the layers are, again above the upper directory.
 *
 * @param visibleAt finds the mount points of the same super block in the host's view; asked for relative paths only
 * @param isDirectory tells whether an absolute path leads to a directory
 */
export function resolveLayers(
  { lower, upper }: OverlayDirectories,
  visibleAt: () => readonly string[],
  isDirectory: (path: string) => boolean,
): string[] | undefined {
  const isAbsolute = (path: string): boolean => path.startsWith("/");
  const relative = lower.filter((path) => !isAbsolute(path));
  const known = () => [...lower, upper ?? ""].filter(isAbsolute).concat(visibleAt());
  const bases = relative.length === 0 ? [""] : [...new Set(known().flatMap(ancestors))];
  const base = bases.find((folder) => relative.every((path) => isDirectory(`${folder}/${path}`)));
  if (base === undefined || lower.length === 0) return undefined;
  const named = lower.map((path) => (isAbsolute(path) ? path : `${base}/${path}`));
  const gone = named.filter((path) => !isDirectory(path));
  if (gone.length === 0) return named;
  const moved = findMoved(gone, ancestors(upper ?? ""), isDirectory);
  return moved && named.map((path) => moved.get(path) ?? path);
}

/** What a layer's path ends with, at the least: its name alone could be that of another layer. */
const END_NAMES_MIN = 2;

/** Finds folders that have lost the same beginning, by their ends below one of `bases`; all, or none. */
function findMoved(
  gone: readonly string[],
  bases: readonly string[],
  isDirectory: (path: string) => boolean,
): ReadonlyMap<string, string> | undefined {
  const names = gone.map((path) => path.split("/").slice(1));
  const lostMax = Math.min(...names.map(({ length }) => length)) - END_NAMES_MIN;
  for (let lost = 1; lost <= lostMax; lost++) {
    const ends = names.map((each) => each.slice(lost).join("/"));
    const base = bases.find((folder) => ends.every((end) => isDirectory(`${folder}/${end}`)));
    if (base !== undefined) return new Map(gone.map((path, index) => [path, `${base}/${ends[index]}`]));
  }
  return undefined;
}

/** The folders above a path, the nearest first, "" for the root. */
function ancestors(path: string): string[] {
  const folders: string[] = [];
  for (let end = path.lastIndexOf("/"); end >= 0; end = path.lastIndexOf("/", end - 1)) {
    folders.push(path.slice(0, end));
    if (end === 0) break;
  }
  return folders;
}
