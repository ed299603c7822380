import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { containerOfCgroup } from "../find/cgroups.ts";

/** Where cgroup hierarchies are mounted: version 2, then controllers of version 1 that every runtime joins. */
const hierarchies = [
  "/sys/fs/cgroup",
  "/sys/fs/cgroup/pids",
  "/sys/fs/cgroup/memory",
  "/sys/fs/cgroup/systemd",
];

/**
 * The first process of a container by its cgroup, for runtimes that do not tell its pid.
 * `cgroupsPath` is the one of the OCI specification. Undefined when no such cgroup has a process.
 */
export async function firstPidOfCgroup(cgroupsPath: string): Promise<number | undefined> {
  const path = cgroupFolder(cgroupsPath);
  if (path === undefined) return undefined;
  for (const hierarchy of hierarchies) {
    // crun and newer runc keep the processes in a cgroup of their own below.
    for (const below of ["", "/container"]) {
      const text = await readFile(`${hierarchy}${path}${below}/cgroup.procs`, "latin1").catch(() => "");
      const pids = text.split("\n").map(Number).filter(Boolean);
      if (pids.length > 0) return Math.min(...pids);
    }
  }
  return undefined;
}

/**
 * The folder of a cgroup below its hierarchy: a plain path stands for itself; systemd's form
 * `slice:prefix:name` is a scope in a slice, whose name spells out the slices above it.
 */
export function cgroupFolder(cgroupsPath: string): string | undefined {
  if (cgroupsPath.startsWith("/")) return cgroupsPath.includes("..") ? undefined : cgroupsPath;
  const [slice, prefix, name, ...more] = cgroupsPath.split(":");
  if (!slice?.endsWith(".slice") || !name || more.length > 0 || cgroupsPath.includes("/")) return undefined;
  const parts = slice.slice(0, -".slice".length).split("-");
  const slices = parts.map((_, index) => `${parts.slice(0, index + 1).join("-")}.slice`);
  const scope = prefix ? `${prefix}-${name}.scope` : `${name}.scope`;
  return `/${slices.join("/")}/${scope}`;
}

const CONTAINER_ID = /^[0-9a-f]{64}$/;

/**
 * The id of the container that a process is in, if its cgroup says that this is another one than it is said to be: a
 * pid that was told is given away again when its process has ended, and sandboxes such as gVisor's have one process for
 * all containers of a pod. Undefined where ids have another form, or cgroups do not tell, as with a runtime that leaves
 * containers in its own.
 */
export function otherContainerOf(pid: number, containerId: string): string | undefined {
  if (!CONTAINER_ID.test(containerId)) return undefined;
  const cgroups = readCgroups(pid);
  if (cgroups.includes(containerId)) return undefined;
  const its = containerOfCgroup(cgroups)?.id;
  return its === containerOfCgroup(readCgroups("self"))?.id ? undefined : its;
}

function readCgroups(pid: number | "self"): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "latin1");
  } catch {
    return ""; // it is gone
  }
}
