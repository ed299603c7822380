import { constants } from "node:fs";
import { type FileHandle, lstat } from "node:fs/promises";
import { create, openPatiently } from "./new-file.ts";

/** The code of the error when a name leads to somebody else's file. */
const REPLACED = "replaced by another recorder";

/**
 * A file that grows by whole lines, and after an error ends with one: what is there stays a valid prefix. It is open
 * while it is written, and else holds no descriptor: many of them grow at a time, slowly. So each call says where the
 * file is by then, and one that another recorder has put there is never touched.
 */
export class Appender {
  readonly #inode: number;
  #writtenBytes = 0;

  private constructor(inode: number) {
    this.#inode = inode;
  }

  /** Makes the file, in place of whatever lies there. Rejects with the system's error. */
  static async create(path: string): Promise<Appender> {
    await using file = await create(path);
    return new Appender((await file.stat()).ino);
  }

  /** Adds whole lines of latin1 text, one character a byte. Rejects with the system's error. Never two at a time. */
  async append(path: string, lines: string): Promise<void> {
    await using file = await this.#open(path);
    const bytes = Buffer.from(lines, "latin1");
    try {
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await file.write(bytes, done, undefined, this.#writtenBytes + done);
        done += bytesWritten;
      }
      this.#writtenBytes += bytes.byteLength;
    } catch (error) {
      await file.truncate(this.#writtenBytes).catch(() => {}); // a full disk may have taken the half of it
      throw error;
    }
  }

  /** Makes it durable. Rejects with the system's error, that of an earlier write included. */
  async sync(path: string): Promise<void> {
    await using file = await this.#open(path);
    await file.datasync();
  }

  /** Whether the file is there, and nobody else's. */
  async isAt(path: string): Promise<boolean> {
    const found = await lstat(path).catch(() => undefined);
    return found?.ino === this.#inode;
  }

  async #open(path: string): Promise<FileHandle> {
    const file = await openPatiently(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await file.stat()).ino === this.#inode) return file;
    await file.close();
    throw Object.assign(new Error("it is another file now"), { code: REPLACED });
  }
}
