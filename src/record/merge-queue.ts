import { basename, join } from "node:path";
import { messageOf } from "../sys/errno.ts";
import { isFile, replaceResult } from "./replace-result.ts";
import type { ResultTarget } from "./result-files.ts";
import { ResultsFolder } from "./results-folder.ts";
import { findRuns, removeAll } from "./temporary.ts";

/**
 * Merges lists, each with its companions beside it, into a new one at `output`. All paths are below `/proc/self/fd/N`.
 * What is a link is not read. Rejects with an Error when that fails or `signal` is aborted.
 */
export type MergeLists = (inputs: readonly string[], output: string, signal: AbortSignal) => Promise<void>;

export interface MergeQueueOptions {
  readonly merge: MergeLists;
  /** Told once of each merge that fails. */
  readonly onError: (message: string) => void;
  /** Told of each merge that was tried. */
  readonly onMerged?: (outcome: "done" | "failed") => void;
}

/** A result that runs are merged into. */
export type MergeTarget = Pick<ResultTarget, "directory" | "name">;

/** What waits beyond that is merged in the next round. */
const RUNS_MAX = 100;

/**
 * Merges runs into the standing results, one result at a time. The runs that wait lie on disk beside the result: those
 * of an earlier program are merged with the next one, and all of one result at once.
 */
export class MergeQueue {
  readonly #options: MergeQueueOptions;
  readonly #stop = new AbortController();
  /** By their paths. */
  readonly #waiting = new Map<string, MergeTarget>();
  #working: Promise<void> | undefined;

  constructor(options: MergeQueueOptions) {
    this.#options = options;
  }

  /** A run has ended that belongs to that result. */
  add(target: MergeTarget): void {
    this.#waiting.set(pathOf(target), target);
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
    for (let [next] = this.#waiting.values(); next !== undefined; [next] = this.#waiting.values()) {
      if (!this.#stop.signal.aborted) await this.#mergeInto(next);
      if (this.#stop.signal.aborted) break;
    }
    if (this.#waiting.size === 0) return;
    const paths = [...this.#waiting.keys()].join(", ");
    this.#waiting.clear();
    this.#options.onError(`Cannot merge runs into ${paths} before the end; they stay for the next merge`);
  }

  /** Takes the result out of the queue, unless the end of the program came between. */
  async #mergeInto(target: MergeTarget): Promise<void> {
    const { onError, onMerged } = this.#options;
    this.#waiting.delete(pathOf(target));
    try {
      await using folder = await ResultsFolder.find(target.directory, target.name);
      const runs = folder === undefined ? 0 : await this.#mergeRuns(target, folder.at(basename(target.name)));
      if (runs === 0) return;
    } catch (error) {
      if (this.#stop.signal.aborted) {
        this.#waiting.set(pathOf(target), target);
        return;
      }
      const why = messageOf(error).replace(/\/proc\/self\/fd\/\d+\//g, "");
      onError(`Cannot merge runs into ${pathOf(target)}: ${why}; they stay for the next merge`);
      onMerged?.("failed");
      return;
    }
    onMerged?.("done");
  }

  /** Returns how many were merged into the result at `path`. */
  async #mergeRuns(target: MergeTarget, path: string): Promise<number> {
    const all = await findRuns(path);
    const runs = all.slice(0, RUNS_MAX);
    if (all.length > runs.length) this.#waiting.set(pathOf(target), target);
    if (runs.length === 0) return 0;
    const standing = (await isFile(path)) ? [path] : [];
    const inputs = [...standing, ...runs.map(({ list }) => list)];
    await replaceResult(path, (output) => this.#options.merge(inputs, output, this.#stop.signal));
    await Promise.all(runs.map(removeAll));
    return runs.length;
  }
}

function pathOf({ directory, name }: MergeTarget): string {
  return join(directory, name);
}
