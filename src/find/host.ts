import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statSync,
} from "node:fs";
import { errorCode } from "../sys/errno.ts";

/** A folder with more entries is not read to its end. */
const ENTRIES_MAX = 100_000;
const CHUNK_BYTES = 1 << 16;
/** Missing among node's constants; the same on all architectures that Bun runs on. */
const O_PATH = 0o10000000;

export interface HostOptions {
  /** Where /proc is. */
  readonly proc?: string;
  /** What stands before every other path: a folder that plays the host, for tests. */
  readonly root?: string;
}

/** A file that is open for reading at any offset. */
export interface OpenFile extends Disposable {
  /** What is there of `length` bytes at `offset`. */
  read(offset: number, length: number): Uint8Array;
}

/**
 * The files of a host, all of them looked at with suspicion: what is missing, unreadable, too large or no regular file
 * is undefined, and nothing throws. Files of one process's view are reached through `/proc/<pid>/root` and `cwd`.
 */
export class Host {
  readonly proc: string;
  readonly root: string;
  /** How often something was there and could not be read for want of rights. */
  denied = 0;

  constructor({ proc = "/proc", root = "" }: HostOptions = {}) {
    this.proc = proc;
    this.root = root;
  }

  /** The text of a regular file of at most `bytesMax` bytes, as latin1 unless told otherwise. */
  read(path: string, bytesMax: number, encoding: "latin1" | "utf8" = "latin1"): string | undefined {
    using file = this.open(path);
    if (file === undefined) return undefined;
    const chunks: Uint8Array[] = [];
    // Files of /proc do not tell their size.
    for (let length = 0; ; ) {
      const chunk = file.read(length, Math.min(CHUNK_BYTES, bytesMax + 1 - length));
      length += chunk.length;
      if (length > bytesMax) return undefined;
      if (chunk.length === 0) break;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString(encoding);
  }

  /** Opens a regular file. A FIFO or a device that was put in its place is neither waited for nor touched. */
  open(path: string): OpenFile | undefined {
    try {
      const fd = openRegular(path);
      if (fd === undefined) return undefined;
      return {
        read: (offset, length) => readAt(fd, offset, length),
        [Symbol.dispose]: () => closeSync(fd),
      };
    } catch (error) {
      this.#count(error);
      return undefined;
    }
  }

  /** The names in a folder; none when it is not there. */
  list(path: string): string[] {
    try {
      return readdirSync(path).slice(0, ENTRIES_MAX);
    } catch (error) {
      this.#count(error);
      return [];
    }
  }

  /** Where a symbolic link points, as text: of a process's `cwd`, in that process's own view. */
  readLink(path: string): string | undefined {
    try {
      return readlinkSync(path);
    } catch (error) {
      this.#count(error);
      return undefined;
    }
  }

  /** Tells two folders apart and whether one has changed: its device, inode and time of change. */
  folderStamp(path: string): { identity: string; changedMs: number } | undefined {
    try {
      const { dev, ino, mtimeMs } = statSync(path);
      return { identity: `${dev}:${ino}`, changedMs: mtimeMs };
    } catch {
      return undefined;
    }
  }

  #count(error: unknown): void {
    const code = errorCode(error);
    if (code === "EACCES" || code === "EPERM") this.denied++;
  }
}

/** Finds out what it is before it is opened in earnest: to open a device can have effects already. */
function openRegular(path: string): number | undefined {
  const handle = openSync(path, O_PATH);
  try {
    if (!fstatSync(handle).isFile()) return undefined;
    return openSync(`/proc/self/fd/${handle}`, constants.O_RDONLY | constants.O_NONBLOCK);
  } finally {
    closeSync(handle);
  }
}

function readAt(fd: number, offset: number, length: number): Uint8Array {
  const buffer = Buffer.allocUnsafe(length);
  try {
    return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
  } catch {
    return buffer.subarray(0, 0); // ESRCH: the process is gone
  }
}
