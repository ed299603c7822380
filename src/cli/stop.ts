/** Why a trace that somebody watches ends. */
export type StopReason = "ended" | "timeout" | "settled" | "line" | "interrupted";

/** When to stop, besides the end of what is traced. */
export interface StopOptions {
  readonly timeoutMs: number | undefined;
  /** No new file for so long. */
  readonly settleMs: number | undefined;
}

/** Waits for the first of several reasons to stop. */
export class Stop {
  readonly #reached = Promise.withResolvers<StopReason>();
  readonly #settleMs: number | undefined;
  readonly #timers: Timer[] = [];
  #settle: Timer | undefined;
  #isReached = false;

  /** @param ended the end of the container, process or command that is traced */
  constructor({ timeoutMs, settleMs }: StopOptions, ended: Promise<unknown>) {
    this.#settleMs = settleMs;
    void ended.then(() => this.now("ended"));
    if (timeoutMs !== undefined) this.#timers.push(setTimeout(() => this.now("timeout"), timeoutMs));
    this.fileSeen();
  }

  /** Resolves with the first reason, once. */
  get reached(): Promise<StopReason> {
    return this.#reached.promise;
  }

  /** Whether there was a reason. */
  get isReached(): boolean {
    return this.#isReached;
  }

  /** Stops now. */
  now(reason: StopReason): void {
    this.#isReached = true;
    for (const timer of this.#timers) clearTimeout(timer);
    clearTimeout(this.#settle);
    this.#reached.resolve(reason);
  }

  /** Starts the time without a new file anew. */
  fileSeen(): void {
    if (this.#settleMs === undefined) return;
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => this.now("settled"), this.#settleMs);
  }
}

/** Passes bytes on and calls `found` when a line of them has `text`. */
export async function watchForLine(
  from: ReadableStream<Uint8Array>,
  to: NodeJS.WriteStream,
  text: string,
  found: () => void,
): Promise<void> {
  const wanted = Buffer.from(text);
  let line = Buffer.alloc(0);
  for await (const chunk of from) {
    to.write(chunk);
    line = Buffer.concat([line, chunk]);
    if (line.includes(wanted)) found();
    // What is behind the last newline may go on; of an endless line the end is enough.
    line = line.subarray(Math.max(line.lastIndexOf("\n") + 1, line.byteLength - LINE_BYTES_MAX));
  }
}

const LINE_BYTES_MAX = 64 * 1024;
