import type { ProcessTree } from "./process-tree.ts";
import type { FileOpen, Loss, TraceObserver } from "./trace.ts";

/** Who gets what the gate lets through. */
export interface GatedObserver extends TraceObserver {
  /** Told a reason why the list may have holes. */
  fail(reason: string): void;
}

/**
 * Holds events back until what was open before them has been recorded, and leaves out those of other
 * processes where the traced one shares its root with the host.
 */
export class Gate implements TraceObserver {
  readonly #recording: GatedObserver;
  readonly #tree: ProcessTree | undefined;
  #waiting: FileOpen[] | undefined = [];

  constructor(recording: GatedObserver, tree?: ProcessTree) {
    this.#recording = recording;
    this.#tree = tree;
  }

  open(file: FileOpen): void {
    const belongs = this.#tree?.has(file.pid) ?? true;
    if (belongs === "unknown")
      this.#recording.fail("some processes were gone before they could be told apart");
    if (belongs !== true) return;
    if (this.#waiting === undefined) this.#recording.open(file);
    else this.#waiting.push(file);
  }

  lost(loss: Loss): void {
    this.#recording.lost(loss);
  }

  /** Lets the events go. */
  release(): void {
    for (const file of this.#waiting ?? []) this.#recording.open(file);
    this.#waiting = undefined;
  }
}
