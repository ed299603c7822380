import { readdirSync, readFileSync } from "node:fs";

/** Whether an `optimizer trace` has set its mark, and heeds Ctrl-C. */
export function isTracing(pid: number): boolean {
  return marks(pid) > 0 && catchesInterrupt(pid);
}

/** How many mounts and file systems a process watches with fanotify (proc_pid_fdinfo(5)). */
function marks(pid: number): number {
  return readdirSync(`/proc/${pid}/fdinfo`)
    .flatMap((fd) => lines(`/proc/${pid}/fdinfo/${fd}`))
    .filter((line) => /^fanotify (?:mnt_id|sdev):/.test(line)).length;
}

function catchesInterrupt(pid: number): boolean {
  const [, caught = "0"] = /^SigCgt:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
  return (BigInt(`0x${caught}`) & SIGINT_BIT) !== 0n;
}

const SIGINT_BIT = 1n << 1n;

function lines(path: string): string[] {
  try {
    return readFileSync(path, "latin1").split("\n");
  } catch {
    return []; // closed meanwhile
  }
}
