import { readlinkSync, statSync } from "node:fs";
import { parseUnit, readText } from "./processes.ts";

/**
 * How far what a process says of itself may be believed. Any process can take the name of a runtime, and its command line
 * is its own to write: `here` is one of root's that sees the files we see, so that a path of its means the same file;
 * `elsewhere` is one of root's with other mounts, such as the host's when we are in a pod, or a container's when we are
 * not: nothing it names can be looked at from here. All others are strangers, and passed over.
 */
export type Vantage = "here" | "elsewhere" | "stranger";

export function vantageOf(pid: number): Vantage {
  // Whoever starts a setuid program chooses its name and its words: root's it is only when it never was another's.
  const isRoots = /^Uid:\t0\t0\t0\t0$/m.test(readText(`/proc/${pid}/status`));
  if (!isRoots || !shares(pid, "user") || isSetId(pid)) return "stranger";
  return shares(pid, "mnt") && hasOurRoot(pid) ? "here" : "elsewhere";
}

/**
 * Whether a process that sees other files may yet be this host's runtime: where we are the ones in a container, or where a
 * service manager has given it mounts of its own. Else it is a container's, which may call itself what it likes.
 */
export function mayServeUs(pid: number): boolean {
  return !shares(1, "mnt") || parseUnit(readText(`/proc/${pid}/cgroup`), "exactly") !== undefined;
}

const SET_ID = 0o6000;

function isSetId(pid: number): boolean {
  try {
    return (statSync(`/proc/${pid}/exe`).mode & SET_ID) !== 0;
  } catch {
    return true; // gone, or nobody's to look at
  }
}

function shares(pid: number, kind: "user" | "mnt"): boolean {
  const its = linkOf(`/proc/${pid}/ns/${kind}`);
  return its !== undefined && its === linkOf(`/proc/self/ns/${kind}`);
}

/** Also in the same namespace it may be in a chroot. */
function hasOurRoot(pid: number): boolean {
  try {
    const [its, own] = [statSync(`/proc/${pid}/root/`), statSync("/")];
    return its.dev === own.dev && its.ino === own.ino;
  } catch {
    return false; // it is gone
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
