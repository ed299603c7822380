import { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { basename, dirname } from "node:path";
import { errorCode } from "../sys/errno.ts";
import { O_PATH } from "../sys/open-flags.ts";
import { hasOwnRoot, openInRoot } from "./in-root.ts";

/** A folder with more entries is not read to its end. */
const ENTRIES_MAX = 100_000;
const CHUNK_BYTES = 1 << 16;

export interface HostOptions {
  /** Where /proc is. */
  readonly proc?: string;
  /** What stands before every other path: a folder that plays the host, for tests. */
  readonly root?: string;
}

/** A path as another process sees it. */
interface View {
  readonly root: string;
  /** The root, or its working directory. */
  readonly start: string;
  readonly rest: string;
}

/** A file that is open for reading at any offset. */
export interface OpenFile extends Disposable {
  /** What is there of `length` bytes at `offset`. */
  read(offset: number, length: number): Uint8Array;
}

/**
 * The files of a host, all of them looked at with suspicion: what is missing, unreadable, too large or no regular file
 * is undefined, and nothing throws. Files of one process's view are reached through `/proc/<pid>/root` and `cwd`, and no
 * link leads out of that view.
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
    return this.#at(path, (handle) => {
      if (!fstatSync(handle).isFile()) return undefined;
      const fd = openSync(`/proc/self/fd/${handle}`, constants.O_RDONLY | constants.O_NONBLOCK);
      return {
        read: (offset, length) => readAt(fd, offset, length),
        [Symbol.dispose]: () => closeSync(fd),
      };
    });
  }

  /** The names in a folder; none when it is not there. */
  list(path: string): string[] {
    return this.#at(path, (handle) => readdirSync(`/proc/self/fd/${handle}`).slice(0, ENTRIES_MAX)) ?? [];
  }

  /** Where a symbolic link points, as text: of a process's `cwd`, in that process's own view. */
  readLink(path: string): string | undefined {
    if (this.#viewOf(path) === undefined) return this.#try(() => readlinkSync(path));
    return this.#at(dirname(path), (handle) => readlinkSync(`/proc/self/fd/${handle}/${basename(path)}`));
  }

  /** Tells two folders apart and whether one has changed: its device, inode and time of change. */
  folderStamp(path: string): { identity: string; changedMs: number } | undefined {
    return this.#at(path, (handle) => {
      const { dev, ino, mtimeMs } = fstatSync(handle);
      return { identity: `${dev}:${ino}`, changedMs: mtimeMs };
    });
  }

  /** Finds out what is there before it is opened in earnest: to open a device can have effects already. */
  #at<T>(path: string, act: (handle: number) => T): T | undefined {
    return this.#try(() => {
      const handle = this.#openPath(path);
      try {
        return act(handle);
      } finally {
        closeSync(handle);
      }
    });
  }

  #openPath(path: string): number {
    const view = this.#viewOf(path);
    if (view === undefined || hasOwnRoot(view.root)) return openSync(path, O_PATH);
    return openInRoot(view.root, view.start, view.rest);
  }

  /** Of a path in what another process sees: that is not ours, nor to be trusted. */
  #viewOf(path: string): View | undefined {
    if (!path.startsWith(`${this.proc}/`)) return undefined;
    const [, pid, start, rest] = /^\/(\d+)\/(root|cwd)(\/.*)$/s.exec(path.slice(this.proc.length)) ?? [];
    if (pid === undefined || start === undefined || rest === undefined) return undefined;
    return { root: `${this.proc}/${pid}/root`, start: `${this.proc}/${pid}/${start}`, rest };
  }

  #try<T>(act: () => T): T | undefined {
    try {
      return act();
    } catch (error) {
      this.#count(error);
      return undefined;
    }
  }

  #count(error: unknown): void {
    const code = errorCode(error);
    if (code === "EACCES" || code === "EPERM") this.denied++;
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
