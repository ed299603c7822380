import { type DeviceNumber, deviceNumber } from "./records.ts";

/** One line of `/proc/<pid>/mountinfo` (proc_pid_mountinfo(5)). Paths are latin1: one character a byte. */
export interface Mount {
  /** The super block's own device, which is reliable where `st_dev` of a file on overlay is not. */
  readonly device: DeviceNumber;
  /** The directory of the file system that is the root of this mount. */
  readonly root: string;
  /** Where it is mounted, relative to the process's root directory. */
  readonly mountPoint: string;
  readonly fsType: string;
  readonly source: string;
  /** Options of the super block; overlay's own escapes (`\:`) are still in its values. */
  readonly superOptions: readonly string[];
}

/** Parses the file as latin1 text. A line of another shape is skipped: the kernel may add kinds of lines. */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").flatMap((line) => {
    const mount = parseLine(line);
    return mount === undefined ? [] : [mount];
  });
}

/** The mount that the process has as its root: of several stacked on "/", the last one is on top. */
export function rootMount(mounts: readonly Mount[]): Mount | undefined {
  return mounts.findLast((mount) => mount.mountPoint === "/");
}

/**
 * The path of a file relative to the root of its file system, for a file that was seen at `path`
 * through `mount`; undefined when `path` is not below the mount point.
 */
export function pathOnFileSystem(mount: Mount, path: string): string | undefined {
  const below = relativeTo(mount.mountPoint, path);
  if (below === undefined) return undefined;
  return (mount.root === "/" ? "" : mount.root) + below;
}

/** Of the mounts that `path` lies under, the one with the longest mount point; the later of two equals. */
export function deepestMount(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    if (relativeTo(mount.mountPoint, path) === undefined) continue;
    if (best === undefined || mount.mountPoint.length >= best.mountPoint.length) best = mount;
  }
  return best;
}

function relativeTo(directory: string, path: string): string | undefined {
  if (directory === "/") return path;
  return path.startsWith(`${directory}/`) ? path.slice(directory.length) : undefined;
}

/** `36 35 98:0 /root /point rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue` */
function parseLine(line: string): Mount | undefined {
  const [before, after] = line.split(" - ", 2);
  const [, , device, root, mountPoint] = before?.split(" ") ?? [];
  const [fsType, source, superOptions] = after?.split(" ") ?? [];
  const [major, minor] = device?.split(":").map(Number) ?? [];
  if (major === undefined || minor === undefined || root === undefined || mountPoint === undefined)
    return undefined;
  if (fsType === undefined || source === undefined) return undefined;
  return {
    device: deviceNumber(major, minor),
    root: decodeOctal(root),
    mountPoint: decodeOctal(mountPoint),
    fsType,
    source: decodeOctal(source),
    // A comma inside a path is printed as \054, like the other special characters.
    superOptions: (superOptions ?? "").split(",").map(decodeOctal),
  };
}

/** Blank, tab, newline and backslash are printed as `\040` and so on. */
function decodeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
