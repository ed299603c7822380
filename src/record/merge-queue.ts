import { existsSync } from "node:fs";
import { messageOf } from "../sys/errno.ts";
import { replaceResult } from "./replace-result.ts";
import { findRuns, removeAll } from "./temporary.ts";

/**
 * Merges lists, each with its companions beside it, into a new one at `output`. Rejects with an Error when that fails
 * or `signal` is aborted.
 */
export type MergeLists = (inputs: readonly string[], output: string, signal: AbortSignal) => Promise<void>;

export interface MergeQueueOptions {
  readonly merge: MergeLists;
  /** Told once of each merge that fails. */
  readonly onError: (message: string) => void;
  /** Told of each merge that was tried. */
  readonly onMerged?: (outcome: "done" | "failed") => void;
}

/** What waits beyond that is merged in the next round. */
const RUNS_MAX = 100;

/**
 * Merges runs into the standing results, one result at a time. The runs that wait lie on disk beside the result: those
 * of an earlier program are merged with the next one, and all of one result at once.
 */
export class MergeQueue {
  readonly #options: MergeQueueOptions;
  readonly #stop = new AbortController();
  /** Paths of results. */
  readonly #waiting = new Set<string>();
  #working: Promise<void> | undefined;

  constructor(options: MergeQueueOptions) {
    this.#options = options;
  }

  /** A run has ended that belongs to the result at `path`. */
  add(path: string): void {
    this.#waiting.add(path);
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /**
   * Resolves when all is merged. After `timeoutMs` the merge that is under way is ended, and what waits stays on disk.
   * Nothing is merged any more then.
   */
  async finish(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(), timeoutMs);
    await this.#working;
    clearTimeout(timer);
  }

  async #work(): Promise<void> {
    for (let [path] = this.#waiting; path !== undefined; [path] = this.#waiting) {
      if (!this.#stop.signal.aborted) await this.#mergeInto(path);
      if (this.#stop.signal.aborted) break;
    }
    if (this.#waiting.size === 0) return;
    const paths = [...this.#waiting].join(", ");
    this.#waiting.clear();
    this.#options.onError(`Cannot merge runs into ${paths} before the end; they stay for the next merge`);
  }

  /** Takes the path out of the queue, unless the end of the program came between. */
  async #mergeInto(path: string): Promise<void> {
    const { merge, onError, onMerged } = this.#options;
    const { signal } = this.#stop;
    this.#waiting.delete(path);
    try {
      const all = await findRuns(path);
      const runs = all.slice(0, RUNS_MAX);
      if (all.length > runs.length) this.#waiting.add(path);
      if (runs.length === 0) return;
      const standing = existsSync(path) ? [path] : [];
      const inputs = [...standing, ...runs.map(({ list }) => list)];
      await replaceResult(path, (output) => merge(inputs, output, signal));
      await Promise.all(runs.map(removeAll));
    } catch (error) {
      if (signal.aborted) {
        this.#waiting.add(path);
        return;
      }
      onError(`Cannot merge runs into ${path}: ${messageOf(error)}; they stay for the next merge`);
      onMerged?.("failed");
      return;
    }
    onMerged?.("done");
  }
}
