import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { errorCode } from "../../src/sys/errno.ts";

/** What a process holds of the kernel. */
export interface Holdings {
  readonly descriptors: number;
  readonly threads: number;
  /** Marks of mounts and super blocks, of all its fanotify groups. */
  readonly marks: number;
  /** Files that the kernel ignores for them. */
  readonly ignored: number;
  /** Bytes of resident memory. */
  readonly memory: number;
}

/** Looks at a process. The figures may be those of a moment in between. */
export function holdingsOf(pid: number): Holdings {
  const descriptors = readdirSync(`/proc/${pid}/fd`);
  const groups = descriptors.map((fd) => groupText(pid, fd)).join("");
  return {
    descriptors: descriptors.length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    marks: groups.match(/^fanotify (mnt_id|sdev):/gm)?.length ?? 0,
    ignored: groups.match(/^fanotify ino:/gm)?.length ?? 0,
    memory: residentOf(pid),
  };
}

function residentOf(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
  if (kibibytes === undefined) throw new Error(`Process ${pid} has no memory: it has ended`);
  return Number(kibibytes) * 1024;
}

/** A line for each mark, besides one for the group (proc_pid_fdinfo(5)); nothing for other descriptors. */
function groupText(pid: number, fd: string): string {
  try {
    const isGroup = readlinkSync(`/proc/${pid}/fd/${fd}`).includes("fanotify");
    return isGroup ? readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1") : "";
  } catch (error) {
    if (errorCode(error) === "ENOENT") return ""; // closed meanwhile
    throw error;
  }
}
