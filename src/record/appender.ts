import type { FileHandle } from "node:fs/promises";

/**
 * A write() that is killed half-way has written whole pages. Pieces of this size, made of whole
 * lines, leave next to no chance for a line that is cut.
 */
const PIECE_BYTES = 4096;

/**
 * Appends lines to a file, in order, without ever making the caller wait. Only whole lines reach
 * the file. After an error nothing more is written, and what is there stays a valid prefix.
 */
export class Appender {
  readonly #file: FileHandle;
  #lines: string[] = [];
  #writtenBytes = 0;
  #writing: Promise<void> = Promise.resolve();
  #error: unknown;

  /** Takes ownership of `file`, which must be empty. */
  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** What ended the writing, or undefined. */
  get error(): unknown {
    return this.#error;
  }

  /** Keeps a line for the next flush. It is latin1 text, one character a byte, with its newline. */
  append(line: string): void {
    if (this.#error === undefined) this.#lines.push(line);
  }

  /** Writes what was appended so far. Resolves when the kernel has it, or after an error. Never rejects. */
  flush(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  /** Flushes, makes it durable and closes the file. Never rejects; see `error`. */
  async finish(): Promise<void> {
    await this.flush();
    try {
      await this.#file.datasync();
    } catch (error) {
      this.#error ??= error;
    }
    await this.#file.close().catch(() => {}); // everything was synced, or failed before
  }

  async #write(): Promise<void> {
    const lines = this.#lines;
    this.#lines = [];
    for (const piece of pieces(lines)) {
      if (this.#error !== undefined) return;
      await this.#writePiece(piece);
    }
  }

  async #writePiece(piece: Buffer): Promise<void> {
    try {
      for (let offset = 0; offset < piece.byteLength; ) {
        const { bytesWritten } = await this.#file.write(piece, offset);
        offset += bytesWritten;
      }
      this.#writtenBytes += piece.byteLength;
    } catch (error) {
      this.#error = error;
      // A full disk may have taken half of the piece.
      await this.#file.truncate(this.#writtenBytes).catch(() => {});
    }
  }
}

/** Joins lines to buffers of at most PIECE_BYTES, or of one line that is longer. */
function* pieces(lines: readonly string[]): Generator<Buffer> {
  let start = 0;
  let length = 0;
  for (const [index, line] of lines.entries()) {
    if (length > 0 && length + line.length > PIECE_BYTES) {
      yield Buffer.from(lines.slice(start, index).join(""), "latin1");
      start = index;
      length = 0;
    }
    length += line.length;
  }
  if (length > 0) yield Buffer.from(lines.slice(start).join(""), "latin1");
}
