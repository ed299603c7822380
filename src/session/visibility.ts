import { readFileSync, readlinkSync } from "node:fs";
import type { Problem } from "../status/problem.ts";

/** What a plugin has to see of its runtime's host, beside the layers of images. */
export interface VisibilityOptions {
  /** Of the process at the other end of the socket; 0 when it is outside of this pid namespace. */
  readonly runtimePid: number;
  readonly runtime: { readonly name: string; readonly version: string };
}

/** CRI-O tells the pids of its containers since 1.36. */
const CRIO_WITH_PIDS = [1, 36] as const;
/** Inode of the first cgroup namespace of a machine (linux/proc_ns.h). */
const INITIAL_CGROUP_NAMESPACE = "cgroup:[4026531835]";

/**
 * What keeps every container of a runtime from being traced: its processes, or where it tells none of them its cgroups,
 * cannot be seen from here. Undefined when all is well, or cannot be told.
 */
export function findBlocked({ runtimePid, runtime }: VisibilityOptions): Problem | undefined {
  if (hasOtherPids(runtimePid)) {
    return {
      kind: "processes-hidden",
      text: `the processes of ${runtime.name || "the runtime"} cannot be seen from this pid namespace: no container can be traced`,
      cure: "hostPID: true in Kubernetes, --pid=host in Docker",
    };
  }
  if (tellsNoPids(runtime) && !seesAllCgroups(runtimePid)) {
    return {
      kind: "cgroups-hidden",
      text: `CRI-O ${runtime.version} tells no pids (1.36 does), and the cgroups of its containers cannot be seen here`,
      cure: "mount the host's /sys/fs/cgroup at the same path, read-only; or update CRI-O",
    };
  }
  return undefined;
}

/** A pid that is told has to mean here what it means there. */
function hasOtherPids(runtimePid: number): boolean {
  if (runtimePid === 0) return true;
  const theirs = linkOf(`/proc/${runtimePid}/ns/pid`);
  return theirs !== undefined && theirs !== linkOf("/proc/self/ns/pid");
}

function tellsNoPids({ name, version }: VisibilityOptions["runtime"]): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (!/^cri-?o$/i.test(name) || major === undefined) return false;
  return (
    Number(major) < CRIO_WITH_PIDS[0] ||
    (Number(major) === CRIO_WITH_PIDS[0] && Number(minor) < CRIO_WITH_PIDS[1])
  );
}

/**
 * Whether the runtime's cgroups are mounted here. A process is told the roots of mounts relative to its cgroup namespace: in
 * one that the runtime shares, `/` is all of it; in one of our own, `/` is our cgroup, and `/..` and what follows lies above.
 */
function seesAllCgroups(runtimePid: number): boolean {
  const theirs = linkOf(`/proc/${runtimePid}/ns/cgroup`) ?? INITIAL_CGROUP_NAMESPACE;
  const shared = theirs === linkOf("/proc/self/ns/cgroup");
  const roots = new Map<string, string>();
  for (const line of readText("/proc/self/mountinfo").split("\n")) {
    const fsType = line.split(" - ")[1]?.split(" ")[0];
    const [, , , root = "", mountPoint = ""] = line.split(" ");
    if (!mountPoint.startsWith("/sys/fs/cgroup")) continue;
    // Of several at one place the last one is on top.
    if (fsType === "cgroup" || fsType === "cgroup2") roots.set(mountPoint, root);
    else roots.delete(mountPoint);
  }
  return [...roots.values()].some((root) => (shared ? root === "/" : root.startsWith("/..")));
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // it is gone, or we may not look
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
