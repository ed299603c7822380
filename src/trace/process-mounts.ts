import { readFileSync } from "node:fs";
import { errorCode } from "../sys/errno.ts";
import { type Mount, parseMountinfo, rootMount } from "./mountinfo.ts";
import { TraceError } from "./trace.ts";

/** The mount that a process has as its root. Throws TraceError: process-gone, or mark-failed for a chroot. */
export function rootOf(pid: number): Mount {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/mountinfo`, "latin1");
  } catch (error) {
    throw new TraceError(
      "process-gone",
      `Cannot trace process ${pid}: ${errorCode(error)} for its mount table`,
      {
        cause: error,
      },
    );
  }
  const root = rootMount(parseMountinfo(text));
  if (root === undefined) {
    throw new TraceError("mark-failed", `Cannot trace process ${pid}: no mount is its root (a chroot?)`);
  }
  return root;
}

/** The mount table of a process; empty when it is gone. */
export function readMounts(pid: number | "self"): Mount[] {
  try {
    return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, "latin1"));
  } catch {
    return [];
  }
}

/** A VM runtime's process stands on the host's own root, and there is nothing of the container in it. */
export function isHostRoot(root: Mount): boolean {
  const own = rootMount(readMounts("self"));
  return own !== undefined && own.device === root.device && own.root === root.root;
}
