import { constants } from "node:fs";
import { type FileHandle, lstat } from "node:fs/promises";
import { create, openPatiently } from "./new-file.ts";

/** The code of the error when a name leads to somebody else's file. */
const REPLACED = "replaced by another recorder";

/** Tells a file from every other one, also from a later one that has got its inode: by the time of its birth. */
interface Identity {
  readonly dev: bigint;
  readonly ino: bigint;
  /** 0 where the file system does not tell. */
  readonly birthtimeNs: bigint;
}

/**
 * A file that grows by whole lines, and after an error ends with one: what is there stays a valid prefix. It is open
 * while it is written, and else holds no descriptor: many of them grow at a time, slowly. So each call says where the
 * file is by then, and one that another recorder has put there is never touched.
 */
export class Appender {
  readonly #identity: Identity;
  #writtenBytes = 0;

  private constructor(identity: Identity) {
    this.#identity = identity;
  }

  /** Makes the file, in place of whatever lies there. Rejects with the system's error. */
  static async create(path: string): Promise<Appender> {
    await using file = await create(path);
    return new Appender(await file.stat({ bigint: true }));
  }

  /** Adds whole lines of latin1 text, one character a byte. Rejects with the system's error. Never two at a time. */
  async append(path: string, lines: string): Promise<void> {
    const file = await this.#open(path);
    const bytes = Buffer.from(lines, "latin1");
    try {
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await file.write(bytes, done, undefined, this.#writtenBytes + done);
        done += bytesWritten;
      }
      await file.close(); // on NFS a full disk is told here
      this.#writtenBytes += bytes.byteLength;
    } catch (error) {
      await file.close().catch(() => {});
      await this.#cutBack(path).catch(() => {});
      throw error;
    }
  }

  /** A full disk may have taken the half of a write. */
  async #cutBack(path: string): Promise<void> {
    await using file = await this.#open(path, "any");
    await file.truncate(this.#writtenBytes);
  }

  /** Makes it durable. Rejects with the system's error: that of an earlier write, too, if the kernel still knows it. */
  async sync(path: string): Promise<void> {
    await using file = await this.#open(path);
    await file.datasync();
  }

  /** Whether the file is there, and nobody else's. */
  async isAt(path: string): Promise<boolean> {
    const found = await lstat(path, { bigint: true }).catch(() => undefined);
    return found !== undefined && this.#is(found);
  }

  /** A file of another size has been shortened or lengthened by somebody: it is ours no more. */
  async #open(path: string, size: number | "any" = this.#writtenBytes): Promise<FileHandle> {
    const file = await openPatiently(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const found = await file.stat({ bigint: true });
      const isOurs = this.#is(found) && (size === "any" || found.size === BigInt(size));
      if (isOurs) return file;
      throw Object.assign(new Error("it is another file now"), { code: REPLACED });
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  #is({ dev, ino, birthtimeNs }: Identity): boolean {
    const own = this.#identity;
    return dev === own.dev && ino === own.ino && birthtimeNs === own.birthtimeNs;
  }
}
