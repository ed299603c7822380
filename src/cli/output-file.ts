import { closeSync, fdatasyncSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorCode } from "../sys/errno.ts";
import { UsageError } from "./usage.ts";

/** A file to be written when the work is done, whose place is made sure of before it begins. */
export class OutputFile implements Disposable {
  readonly #path: string;
  readonly #temporary: string;
  readonly #fd: number;
  #done = false;

  /** Throws UsageError when no file can be made there. */
  constructor(path: string) {
    this.#path = path;
    this.#temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
    try {
      this.#fd = openSync(this.#temporary, "wx", 0o644);
    } catch (error) {
      const code = errorCode(error);
      const cure = code === "ENOENT" ? `: make the folder first (mkdir -p ${dirname(path)})` : "";
      throw new UsageError(`Cannot write to ${path}: ${code}${cure}`);
    }
  }

  /** Appends latin1 text. */
  append(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    for (let offset = 0; offset < bytes.byteLength; ) offset += writeSync(this.#fd, bytes, offset);
  }

  /** Makes it durable and puts it in its place, where it replaces another. */
  finish(): void {
    fdatasyncSync(this.#fd);
    renameSync(this.#temporary, this.#path);
    this.#done = true;
    closeSync(this.#fd);
  }

  /** Leaves nothing behind of what was not finished. */
  [Symbol.dispose](): void {
    if (this.#done) return;
    closeSync(this.#fd);
    unlinkSync(this.#temporary);
  }
}
