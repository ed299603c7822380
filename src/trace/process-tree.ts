import { readFileSync } from "node:fs";

/** Answers are remembered for so many processes; then the memory is begun anew. */
const KNOWN_MAX = 65_536;

/**
 * Tells whether a process descends from a given one, by what /proc says when it is first asked for.
 * A process that is gone by then, and was never asked for, is `unknown`.
 */
export class ProcessTree {
  readonly #known = new Map<number, boolean>();
  readonly #root: number;

  constructor(root: number) {
    this.#root = root;
  }

  has(pid: number): boolean | "unknown" {
    if (pid === this.#root) return true;
    const known = this.#known.get(pid);
    if (known !== undefined) return known;
    const parent = parentOf(pid);
    if (parent === undefined) return "unknown";
    const answer = parent === 0 ? false : this.has(parent);
    if (answer === "unknown") return answer;
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(pid, answer);
    return answer;
  }
}

/** Field 4 of proc_pid_stat(5). */
function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined;
  }
}
