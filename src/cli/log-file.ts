import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { SyscallError } from "../sys/errno.ts";
import type { LogSink } from "./log-queue.ts";

const FLAGS =
  constants.O_WRONLY |
  constants.O_APPEND |
  constants.O_CREAT |
  constants.O_NOFOLLOW |
  constants.O_NONBLOCK | // whoever planted a FIFO there shall not hold up anything
  constants.O_NOCTTY;
/** As logs are: a journal is closed to others, too. Lines quote what users of the cluster have written. */
const MODE = 0o640;
/** So often at most it is looked whether the file was rotated away, or can be opened by now. */
const LOOK_EVERY_MS = 1000;

/** The log file cannot be opened: nothing of what was to be written is there. */
export class LogFileError extends Error {
  override readonly name = "LogFileError";
}

type State =
  | { readonly kind: "closed" }
  | { readonly kind: "open"; readonly file: FileHandle; readonly inode: number; readonly device: number }
  | { readonly kind: "failed"; readonly error: LogFileError };

/**
 * A log file that is made if need be, only appended to, and followed by its name: once it was rotated away, the next
 * line begins a new one.
 */
export class LogFile implements LogSink {
  readonly path: string;
  #state: State = { kind: "closed" };
  #lookAtMs = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** The next line goes to the file that has the name by then. */
  reopen(): void {
    this.#lookAtMs = 0;
  }

  /** Rejects with LogFileError when there is no file to write to, else with the system's error. Not to be called twice at once. */
  async write(bytes: Uint8Array): Promise<number> {
    const file = await this.#current();
    return (await file.write(bytes)).bytesWritten;
  }

  async close(): Promise<void> {
    if (this.#state.kind === "open") await this.#state.file.close().catch(() => {});
    this.#state = { kind: "closed" };
  }

  async #current(): Promise<FileHandle> {
    const nowMs = performance.now();
    if (nowMs >= this.#lookAtMs) {
      this.#lookAtMs = nowMs + LOOK_EVERY_MS;
      if (!(await this.#isInPlace())) {
        await this.close();
        this.#state = await this.#open();
      }
    }
    if (this.#state.kind === "open") return this.#state.file;
    throw this.#state.kind === "failed" ? this.#state.error : new LogFileError("the log file is closed");
  }

  async #isInPlace(): Promise<boolean> {
    if (this.#state.kind !== "open") return false;
    const { inode, device } = this.#state;
    const found = await stat(this.path).catch(() => undefined);
    return found?.ino === inode && found.dev === device;
  }

  async #open(): Promise<State> {
    let file: FileHandle | undefined;
    try {
      file = await open(this.path, FLAGS, MODE);
      const { ino, dev, isFile } = await file.stat().then((stats) => ({ ...stats, isFile: stats.isFile() }));
      if (isFile) return { kind: "open", file, inode: ino, device: dev };
      throw Object.assign(new Error("something else is there"), { code: "it is not a regular file" });
    } catch (error) {
      await file?.close().catch(() => {});
      const { message } = SyscallError.from(`open the log file ${this.path}`, error);
      return { kind: "failed", error: new LogFileError(message, { cause: error }) };
    }
  }
}
