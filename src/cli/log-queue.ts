import type { LogLine } from "../log-limit.ts";
import { plural } from "../plural.ts";

/** Where the lines of a queue go. */
export interface LogSink {
  /** Resolves with how many of the bytes were taken, one at least. Rejects with the system's error. */
  write(bytes: Uint8Array): Promise<number>;
}

export interface LogQueueOptions {
  readonly sink: LogSink;
  /** The line as bytes, with its end. */
  readonly format: (line: LogLine) => Uint8Array;
  /** Offered what the sink failed to take, and returns whether it is in good hands; else it is lost, and counted. */
  readonly rescue?: (lines: readonly LogLine[], error: unknown) => boolean;
  readonly bytesMax?: number;
}

interface Waiting {
  readonly line: LogLine;
  readonly bytes: Uint8Array;
}

const BYTES_MAX = 1 << 20;
/** So much makes one write. */
const BATCH_BYTES_MAX = 64 << 10;
const newline = new Uint8Array([0x0a]);

/**
 * Lines on their way to a sink that may be slow, hang, or fail. Whoever pushes never waits; what does not fit, or fails,
 * is counted, and a line says so when the sink takes lines again.
 */
export class LogQueue {
  readonly #options: LogQueueOptions;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #lost = 0;
  /** Of the lost lines those that no line tells of. */
  #untold = 0;
  #why = "";
  /** The sink took a part of a line. */
  #torn = false;
  #working: Promise<void> | undefined;

  constructor(options: LogQueueOptions) {
    this.#options = options;
  }

  /** How many lines were lost. */
  get lost(): number {
    return this.#lost;
  }

  push(line: LogLine): void {
    const bytes = this.#options.format(line);
    if (this.#waitingBytes + bytes.byteLength > (this.#options.bytesMax ?? BYTES_MAX)) {
      this.#lose(1, "not taken in time");
      return;
    }
    this.#waiting.push({ line, bytes });
    this.#waitingBytes += bytes.byteLength;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
  }

  /** Resolves when nothing waits any more, which with a sink that hangs may be never. */
  async drained(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  async #work(): Promise<void> {
    // Lines that are logged in one go make one write.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#writeBatch(this.#takeBatch());
  }

  /** They count as waiting until they are written: what hangs keeps its place. */
  #takeBatch(): Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((each, index) => {
      bytes += each.bytes.byteLength;
      return index > 0 && bytes > BATCH_BYTES_MAX;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  async #writeBatch(batch: readonly Waiting[]): Promise<void> {
    const told = this.#untold;
    const head = [...(this.#torn ? [newline] : []), ...(told > 0 ? [this.#lossLine()] : [])];
    const { written, error } = await this.#write(
      Buffer.concat([...head, ...batch.map((each) => each.bytes)]),
    );
    let end = head.reduce((sum, bytes) => sum + bytes.byteLength, 0);
    if (written > 0) this.#torn = written !== end;
    if (written >= end) this.#untold -= told;
    const failed: LogLine[] = [];
    for (const { line, bytes } of batch) {
      end += bytes.byteLength;
      this.#waitingBytes -= bytes.byteLength;
      if (written === end) this.#torn = false;
      if (written < end - 1) failed.push(line); // a newline alone is made up for
    }
    if (failed.length === 0 || this.#options.rescue?.(failed, error)) return;
    this.#lose(failed.length, error instanceof Error && "code" in error ? String(error.code) : String(error));
  }

  async #write(bytes: Uint8Array): Promise<{ readonly written: number; readonly error?: unknown }> {
    let written = 0;
    try {
      while (written < bytes.byteLength) written += await this.#options.sink.write(bytes.subarray(written));
      return { written };
    } catch (error) {
      return { written, error };
    }
  }

  #lose(count: number, why: string): void {
    this.#lost += count;
    this.#untold += count;
    this.#why = why;
  }

  #lossLine(): Uint8Array {
    const text = `${plural(this.#untold, "line")} of this log lost: ${this.#why}`;
    return this.#options.format({ severity: "warn", text });
  }
}
