import { readFileSync } from "node:fs";

/** What proc_pid_stat(5) tells of a process, as far as anybody here asks. */
export interface ProcessStat {
  /** Field 3: `Z` and `X` are processes that are dead and not yet reaped. */
  readonly state: string;
  /** Field 4. */
  readonly parent: number;
  /** Field 22: with the pid it names a process for ever, since pids are used again. */
  readonly startTime: string;
}

/** Undefined when there is no such process. */
export function processStat(pid: number): ProcessStat | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // The second field is the name, in parentheses, with anything in it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", parent: Number(fields[1]), startTime: fields[19] ?? "" };
}
