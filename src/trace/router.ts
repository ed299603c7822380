import { deepestMount, type Mount, pathOnFileSystem } from "./mountinfo.ts";
import type { DeviceNumber, OpenRecord } from "./records.ts";

/** Where events of one trace come from. */
export interface RoutedRoot {
  /** The super block of the traced root (`major:minor` of mountinfo). */
  readonly device: DeviceNumber;
  /** Whether opens through other mounts of that super block belong to the trace too. */
  readonly wholeFileSystem: boolean;
  /** The traced process: its mount table is asked when whoever opened a file is gone. */
  readonly pid: number;
}

/** How a mount leads to a trace, or `undefined` when it leads to none. */
type Route<T> =
  | {
      readonly target: T;
      readonly mount: Mount | undefined;
      /** Whether whoever opened the file had that mount. Else it is the one that the traced process has there. */
      readonly isSure: boolean;
    }
  | undefined;

/** An event that belongs to a trace. */
export interface Routed<T> {
  readonly target: T;
  /** The file's path in the traced root, if that is known. */
  readonly path: string;
  /** False when nobody can tell of the mount for sure: then `path` is likely, and the file itself has to confirm it. */
  readonly placed: boolean;
}

/** Mounts that lead nowhere are remembered too; more than this many are forgotten together. */
const ROUTES_MAX = 4096;

/**
 * Tells which trace an event belongs to, by the mount the file was opened through.
 *
 * The root mount of each trace is known from the start. A process in the container may also have a
 * mount namespace of its own, and the host sees the root file system where the runtime mounted it:
 * such a mount is looked up once, in the mount table of the process that opened the file. A process that is gone
 * shows none; that of the traced process is the next best, since most have the same. Tables have another kind of
 * mount ids than events do: the device and the path have to do.
 */
export class Router<T extends RoutedRoot> {
  readonly #roots = new Map<number, T>();
  readonly #routes = new Map<number, Route<T>>();
  /** Devices of files by trace, where layers lie on several file systems: overlay makes one up for each. */
  readonly #fileDevices = new Map<DeviceNumber, T>();
  readonly #readMounts: (pid: number | "self") => Mount[];

  /** @param readMounts the mount table of a process, empty when the process is gone */
  constructor(readMounts: (pid: number | "self") => Mount[]) {
    this.#readMounts = readMounts;
  }

  /** Routes a mount to a trace as its root. Returns false when another trace has it already. */
  add(mountId: number, target: T): boolean {
    if (this.#roots.has(mountId)) return false;
    this.#roots.set(mountId, target);
    this.#routes.clear(); // a mount may have led nowhere only until now
    return true;
  }

  /** Takes a trace off. Its late events lead nowhere from now on. */
  remove(target: T): void {
    for (const [mountId, root] of this.#roots) {
      if (root === target) this.#roots.delete(mountId);
    }
    for (const [device, root] of this.#fileDevices) {
      if (root === target) this.#fileDevices.delete(device);
    }
    this.#routes.clear();
  }

  /** The trace of an event and the path in it, or undefined when it belongs to none. */
  route(event: OpenRecord): Routed<T> | undefined {
    const root = this.#roots.get(event.mountId);
    if (root !== undefined) {
      if (root.wholeFileSystem && event.device !== root.device) this.#fileDevices.set(event.device, root);
      return { target: root, path: event.path, placed: true };
    }
    const route = this.#lookUp(event);
    if (route === undefined) return undefined;
    const { target, mount, isSure } = route;
    if (mount === undefined) return { target, path: event.path, placed: false };
    const path = pathOnFileSystem(mount, event.path);
    if (path !== undefined) return { target, path, placed: isSure };
    // Unmounted by now: then the path begins at the mount's own root.
    return { target, path: (mount.root === "/" ? "" : mount.root) + event.path, placed: false };
  }

  #lookUp(event: OpenRecord): Route<T> {
    if (this.#routes.has(event.mountId)) return this.#routes.get(event.mountId);
    const route = this.#resolve(event);
    if (this.#routes.size >= ROUTES_MAX) this.#routes.clear();
    this.#routes.set(event.mountId, route);
    return route;
  }

  #resolve(event: OpenRecord): Route<T> {
    const byDevice = new Map<DeviceNumber, T>();
    for (const root of this.#roots.values()) {
      if (root.wholeFileSystem) byDevice.set(root.device, root);
    }
    if (byDevice.size === 0) return undefined;
    // The file's own device, where it is known, names the trace: the pid may be another container's by now.
    const owner = byDevice.get(event.device) ?? this.#fileDevices.get(event.device);
    const leads = ({ device }: Mount) =>
      owner === undefined ? byDevice.has(device) : device === owner.device;
    // Our own table first: a path of the host's view starts with the host's mount point, and a process
    // of the host that was started in a chroot would show the same mount at another place.
    const own = this.#readMounts("self").filter((mount) => mount.mountPoint !== "/");
    for (const mounts of [own, this.#readMounts(event.pid)]) {
      const mount = deepestMount(mounts.filter(leads), event.path);
      const target = mount === undefined ? undefined : byDevice.get(mount.device);
      if (target !== undefined) return { target, mount, isSure: true };
    }
    // The process is gone, or the mount has no place.
    if (owner === undefined) return undefined;
    // The root's own mount is none that has to be looked up.
    const likely = this.#readMounts(owner.pid).filter((mount) => leads(mount) && mount.mountPoint !== "/");
    return { target: owner, mount: deepestMount(likely, event.path), isSure: false };
  }
}
