import { readlinkSync, statSync } from "node:fs";
import { readText } from "./processes.ts";

/**
 * How far what a process says of itself may be believed. Any process can take the name of a runtime, and its command line
 * is its own to write: `here` is one of root's that sees the files we see, so that a path of its means the same file;
 * `elsewhere` is one of root's with other mounts, such as the host's when we are in a pod, or a container's when we are
 * not: nothing it names can be looked at from here. All others are strangers, and passed over.
 */
export type Vantage = "here" | "elsewhere" | "stranger";

export function vantageOf(pid: number): Vantage {
  // Effective uid: the second of four.
  const uid = /^Uid:\t\d+\t(\d+)\t/m.exec(readText(`/proc/${pid}/status`))?.[1];
  if (uid !== "0" || !shares(pid, "user")) return "stranger";
  return shares(pid, "mnt") && hasOurRoot(pid) ? "here" : "elsewhere";
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
