import { readFileSync } from "node:fs";
import type { RunningPlugin } from "./program.ts";

/** A file of a process. */
export const readProc = (pid: number, file: string): string => readFileSync(`/proc/${pid}/${file}`, "latin1");

/** The shim is loaded for the first time: it is about to give up what it does not need. */
const hasShim = (pid: number): boolean => readProc(pid, "maps").includes("/memfd:optimizer-shim");
const isSecondStart = (pid: number): boolean => readProc(pid, "environ").includes("OPTIMIZER_LEAST_PID=");

/** Starts what follows as a service manager does it: with nothing that a plugin would have to give up. */
const asService = [
  ...["setpriv", "--bounding-set=-all,+sys_admin,+sys_ptrace,+dac_read_search,+sys_chroot"],
  ...["--inh-caps=-all", "--no-new-privs", "--"],
];

/** Moments while a plugin starts; `before` is what starts it. */
export const moments = [
  {
    when: "while it gives up its rights",
    before: [],
    isReached: (pid: number) => hasShim(pid) || isSecondStart(pid),
  },
  { when: "right after it has started itself again", before: [], isReached: isSecondStart },
  { when: "while it starts with nothing to give up", before: asService, isReached: hasShim },
] as const;

/** Waits for a moment without a pause, so that it is the very moment. Throws when it does not come. */
export function spinUntil(isReached: (pid: number) => boolean, pid: number): void {
  const deadlineMs = performance.now() + 10_000;
  while (!isReached(pid)) if (performance.now() > deadlineMs) throw new Error("The moment did not come");
}

/** Lets a plugin become ready, and end. */
export async function endOf(plugin: RunningPlugin) {
  await plugin.runtime.handshake().catch(() => {}); // it may have ended
  plugin.runtime.close();
  const [log, exitCode] = [await plugin.log(), await plugin.exited];
  return { log, exitCode, statuses: log.filter((line) => line.includes(" info status: ")).length };
}
