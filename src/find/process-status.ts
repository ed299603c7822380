/** What `/proc/<pid>/status` tells, as far as it is needed here. */
export interface ProcessStatus {
  readonly parent: number;
  /** Its number in each pid namespace, from that of our /proc to its own. */
  readonly pids: readonly number[];
  /** `Z` and `X` are processes that have ended. */
  readonly state: string;
}

/** Parses `/proc/<pid>/status` (proc_pid_status(5)); undefined for a text that is none. */
export function parseStatus(text: string): ProcessStatus | undefined {
  const field = (name: string) => new RegExp(`^${name}:[\\t ]*(.*)$`, "m").exec(text)?.[1];
  const parent = Number(field("PPid"));
  const state = field("State")?.[0];
  // A command's name is the first line, and the kernel escapes what could look like another one.
  const pids = (field("NSpid") ?? field("Pid") ?? "").split(/\s+/).map(Number);
  if (state === undefined || !Number.isSafeInteger(parent) || !pids.every(isPid)) return undefined;
  return { parent, pids, state };
}

/** When the process began, in clock ticks since boot: field 22 of `/proc/<pid>/stat`. */
export function parseStartTime(stat: string): number | undefined {
  // The command's name, in parentheses, may hold anything.
  const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  return isPid(ticks) ? ticks : undefined;
}

/** The words of `/proc/<pid>/cmdline`. */
export function splitArguments(cmdline: string): string[] {
  const words = cmdline.split("\0");
  if (words.at(-1) === "") words.pop();
  return words;
}

/** A pid out of a pid file. */
export function parsePid(text: string | undefined): number | undefined {
  const [, digits] = /^\s*(\d{1,10})\s*$/.exec(text ?? "") ?? [];
  return digits !== undefined && isPid(Number(digits)) ? Number(digits) : undefined;
}

function isPid(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
