import { readdirSync, readFileSync } from "node:fs";
import type { SpawnOptions, Subprocess } from "bun";

const living = new Set<Subprocess>();

/** Starts a process that ends with this one, unless this one is ended by SIGKILL. */
export function start<
  In extends SpawnOptions.Writable,
  Out extends SpawnOptions.Readable,
  Err extends SpawnOptions.Readable,
>(command: readonly string[], options: SpawnOptions.OptionsObject<In, Out, Err>): Subprocess<In, Out, Err> {
  const child = Bun.spawn([...command], options);
  living.add(child);
  void child.exited.then(() => living.delete(child));
  return child;
}

/** Ends what start() has started and still runs. Waits for nothing. */
export function killAll(): void {
  for (const child of living) child.kill("SIGKILL");
}

/** The CPU time that a process has used so far, all its living threads together, in milliseconds. */
export function cpuMs(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((total, thread) => total + threadCpuMs(pid, thread), 0);
}

/** Nanoseconds, which /proc/<pid>/stat has not. A thread may have ended since the folder was read. */
function threadCpuMs(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")[0]) / 1e6;
  } catch {
    return 0;
  }
}

/** A line of /proc/<pid>/status that has an amount of memory, in bytes. */
export function memoryBytes(pid: number, key: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? Number.NaN) * 1024;
}
