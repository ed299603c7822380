import { readdirSync, readFileSync } from "node:fs";

/** The pids of the processes that have `word` among their arguments. */
export function processesWith(word: string): number[] {
  return pids().filter((pid) => read(pid, "cmdline").split("\0").includes(word));
}

/** The pids of the processes whose parent is `pid`. */
export function childrenOf(pid: number): number[] {
  return pids().filter((child) => parentOf(child) === pid);
}

function parentOf(pid: number): number {
  const stat = read(pid, "stat");
  // The command's name, in parentheses, may hold blanks.
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
}

function pids(): number[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return ""; // gone since /proc was listed
  }
}
