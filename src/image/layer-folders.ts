import { readSmallFile } from "../sys/small-file.ts";
import type { Mount } from "../trace/mountinfo.ts";
import { readMounts } from "../trace/process-mounts.ts";
import { areDescriptors, lowerFileOf, parseLowerFile } from "./containers-storage.ts";
import { leadsToDirectory, realPath } from "./host-files.ts";
import { type OverlayDirectories, parseOverlayOptions, resolveLayers } from "./overlay.ts";

/** Links of 500 layers, which is as many as an overlay can have, take 15 KiB. */
const LOWER_FILE_BYTES_MAX = 64 << 10;

/**
 * Where the layers of an overlay mount lie on this host, the topmost first, and its upper directory, if it can be found
 * as well. Real paths: a layer's folder may be named by a symbolic link (containers/storage does), and this is followed
 * here, once. What becomes of the link later makes no difference. Undefined when not all layers can be found.
 *
 * The options are the word of whoever made the mount: the runtime, or a process that has mounted a root of its own in a
 * user namespace and named any folder, in its own view. So nothing is done with a path but to look: stat, readlink,
 * readdir and lgetxattr wait for no FIFO and touch no device. Links add nothing to that: the options could name their targets as well.
 * What is learnt, names and inode numbers, decides which files of this container are listed; at worst its own list has a
 * name that stands there. Below a layer's own folder no link is followed. A file system that does not answer holds up
 * the tracing thread, as it does without links; the runtime is answered by another one.
 */
export function findLayerFolders(root: Mount): OverlayDirectories | undefined {
  const named = parseOverlayOptions(root.superOptions);
  const { upper } = named;
  const lower = linksOfDescriptors(named) ?? named.lower;
  const visibleAt = () => mountPointsOf(root);
  const all = upper === undefined ? undefined : resolve({ lower: [...lower, upper], upper }, visibleAt);
  if (all !== undefined) return { lower: all.slice(0, -1), upper: all.at(-1) };
  const layers = resolve({ lower, upper }, visibleAt);
  return layers && { lower: layers, upper: undefined };
}

/** For a message: a path of the mount's options that leads nowhere in our view; undefined when none tells anything. */
export function missingFolder({ superOptions }: Mount): string | undefined {
  const { lower, upper = "" } = parseOverlayOptions(superOptions);
  return [...lower, upper].find((path) => path.startsWith("/") && !leadsToDirectory(path));
}

function resolve(directories: OverlayDirectories, visibleAt: () => readonly string[]): string[] | undefined {
  const found = resolveLayers(directories, visibleAt, leadsToDirectory)?.map(realPath);
  return found?.every((path) => path !== undefined) ? found : undefined;
}

/** Where the mount names layers by descriptors: their links, if the runtime's own file tells as many. */
function linksOfDescriptors({ lower, upper }: OverlayDirectories): string[] | undefined {
  const path = areDescriptors(lower) ? lowerFileOf(upper) : undefined;
  const text = path === undefined ? undefined : readSmallFile(path, LOWER_FILE_BYTES_MAX);
  if (path === undefined || text === undefined) return undefined;
  const links = parseLowerFile(path, text);
  return links?.length === lower.length ? links : undefined;
}

/**
 * Where the same super block is mounted: in our own view, or, where a pod hides the host's mounts from us, in that of the
 * host's first process. A path that does not lead to the same folder in our view leads to no layer.
 */
function mountPointsOf({ device }: Mount): string[] {
  return [...readMounts("self"), ...readMounts(1)]
    .filter((mount) => mount.device === device)
    .map((mount) => mount.mountPoint);
}
