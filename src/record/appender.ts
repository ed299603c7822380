import type { FileHandle } from "node:fs/promises";

/**
 * Appends to a file, in order, without ever making the caller wait. Only whole lines reach the
 * file. After an error nothing more is written, and what is there stays a valid prefix.
 */
export class Appender {
  readonly #file: FileHandle;
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

  /**
   * Writes whole lines of latin1 text, one character a byte. Resolves when the kernel has them, or
   * after an error. Never rejects.
   */
  append(lines: string): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write(Buffer.from(lines, "latin1")));
    return this.#writing;
  }

  /** Makes it durable and closes the file. Never rejects; see `error`. */
  async finish(): Promise<void> {
    await this.#writing;
    try {
      await this.#file.datasync();
    } catch (error) {
      this.#error ??= error;
    }
    await this.#file.close().catch(() => {}); // everything was synced, or failed before
  }

  async #write(bytes: Buffer): Promise<void> {
    if (this.#error !== undefined) return;
    try {
      for (let offset = 0; offset < bytes.byteLength; ) {
        const { bytesWritten } = await this.#file.write(bytes, offset);
        offset += bytesWritten;
      }
      this.#writtenBytes += bytes.byteLength;
    } catch (error) {
      this.#error = error;
      // A full disk may have taken the half of it.
      await this.#file.truncate(this.#writtenBytes).catch(() => {});
    }
  }
}
