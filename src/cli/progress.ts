import { formatBytes } from "../formats/csv.ts";
import type { Counts } from "../formats/provenance.ts";

const REDRAW_MS = 250;
const ERASE_LINE = "\r\x1b[K";

/** One line on a terminal that tells how a trace goes. Nothing at all where there is no terminal. */
export class Progress implements Disposable {
  readonly #counts: Counts;
  readonly #startMs = performance.now();
  readonly #timer: Timer | undefined;

  constructor(counts: Counts, { quiet }: { readonly quiet: boolean }) {
    this.#counts = counts;
    if (!quiet && process.stderr.isTTY) this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
  }

  #draw(): void {
    const { listed, listedBytes, events } = this.#counts;
    const seconds = ((performance.now() - this.#startMs) / 1000).toFixed(1);
    process.stderr.write(
      `${ERASE_LINE}${seconds}s  ${listed} files  ${formatBytes(listedBytes)}  ${events} events  (Ctrl-C ends it)`,
    );
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    process.stderr.write(ERASE_LINE);
  }
}
