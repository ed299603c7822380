import { rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Log } from "../log.ts";
import { create } from "../record/new-file.ts";
import { RECORDER } from "../record/temporary.ts";
import { SyscallError } from "../sys/errno.ts";

/**
 * A file that others read at any moment: each new text takes the place of the one before as a whole. What goes wrong is
 * logged once, until it works again.
 */
export class StatusFile {
  readonly #path: string;
  readonly #log: Log;
  #told = "";
  #next: string | undefined;
  #working: Promise<void> | undefined;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  /** Resolves when it is there, or could not be. Never rejects. What comes while it writes is written next, the last of it. */
  write(text: string): Promise<void> {
    this.#next = text;
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined;
    });
    return this.#working;
  }

  async #work(): Promise<void> {
    for (let text = this.#next; text !== undefined; text = this.#next) {
      this.#next = undefined;
      await this.#writeNow(text);
    }
  }

  async #writeNow(text: string): Promise<void> {
    try {
      await this.#replace(text);
      this.#told = "";
    } catch (error) {
      const { message } = SyscallError.from(`write ${this.#path}`, error);
      if (message !== this.#told) this.#log.error(message);
      this.#told = message;
    }
  }

  /** The name ends in none that node-exporter would read, and no two instances share it. */
  async #replace(text: string): Promise<void> {
    const temporary = join(dirname(this.#path), `.${basename(this.#path)}.${RECORDER}`);
    const file = await create(temporary);
    try {
      await file.writeFile(text).finally(() => file.close());
      await rename(temporary, this.#path);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    }
  }
}
