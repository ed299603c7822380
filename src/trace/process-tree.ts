import { processStat } from "../sys/process-stat.ts";

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
    const parent = processStat(pid)?.parent;
    if (parent === undefined) return "unknown";
    const answer = parent === 0 ? false : this.has(parent);
    if (answer === "unknown") return answer;
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(pid, answer);
    return answer;
  }
}
