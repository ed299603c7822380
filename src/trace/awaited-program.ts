import { closeSync, openSync, readFileSync } from "node:fs";
import { O_PATH } from "../sys/open-flags.ts";

/**
 * Whether a container's first process still awaits to become the container's program. Until then it is the runtime's, and
 * what it runs lies on a mount that is not in the container's namespace. `gone` when there is no such process.
 */
export function awaitedProgram(pid: number): "awaited" | "started" | "gone" {
  try {
    const program = mountOf(`/proc/${pid}/exe`);
    return mountsOf(pid).has(program) ? "started" : "awaited";
  } catch {
    return "gone";
  }
}

/** The id of the mount that a file lies on. */
function mountOf(path: string): string {
  const fd = openSync(path, O_PATH);
  try {
    const info = readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
    const [, id] = /^mnt_id:\s*(\d+)$/m.exec(info) ?? [];
    if (id === undefined) throw new Error(`No mount id of ${path}`);
    return id;
  } finally {
    closeSync(fd);
  }
}

/** The ids of the mounts that a process sees; it sees none once it has ended. */
function mountsOf(pid: number): ReadonlySet<string> {
  const table = readFileSync(`/proc/${pid}/mountinfo`, "latin1");
  if (table === "") throw new Error(`No mounts of ${pid}`);
  return new Set(table.split("\n").map((line) => line.slice(0, line.indexOf(" "))));
}
