import { constants, fstat, write } from "node:fs";
import { open, stat } from "node:fs/promises";
import { promisify } from "node:util";
import type { Log } from "../log.ts";
import { errorCode } from "../sys/errno.ts";
import type { LinkFile } from "../sys/file-place.ts";
import { beginReplacement } from "../sys/file-replacement.ts";
import { writeFully } from "../sys/output.ts";
import { findOutputTarget, OutputError } from "../sys/output-target.ts";

/** Others read it who are not root: node-exporter, for one. No name of a container is in it. */
const MODE = 0o644;

/**
 * A file that others read at any moment: each new text takes the place of the one before as a whole. Root has named it,
 * so links are followed, and a device or a FIFO gets each text as it is, if somebody reads. What goes wrong is logged
 * once, until it works again.
 */
export class StatusFile {
  readonly #path: string;
  readonly #log: Log;
  readonly #linkFile: LinkFile | undefined;
  #told = "";
  #next: string | undefined;
  #working: Promise<void> | undefined;

  constructor(path: string, log: Log, linkFile: LinkFile | undefined) {
    this.#path = path;
    this.#log = log;
    this.#linkFile = linkFile;
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
      await this.#put(Buffer.from(text));
      this.#told = "";
    } catch (error) {
      const { message } = OutputError.from(this.#path, error);
      if (message !== this.#told) this.#log.error(message);
      this.#told = message;
    }
  }

  async #put(text: Uint8Array): Promise<void> {
    const target = await findOutputTarget(this.#path);
    if (target.kind === "descriptor" && (await isRegular(target.fd))) return await append(target.fd, text);
    if (target.kind !== "file") return await offer(target.path, text);
    // The plugin has given up the right to write into files of others: those in a folder of its own it replaces.
    const options = { linkFile: this.#linkFile, mode: MODE, foreign: "replace" } as const;
    await using output = await beginReplacement(target, options);
    await output.write(text);
    await output.finish();
  }
}

async function isRegular(fd: number): Promise<boolean> {
  return (await promisify(fstat)(fd)).isFile();
}

/** Opened anew by its path, the file would be emptied, and have a position of its own: the log may go there, too. */
async function append(fd: number, text: Uint8Array): Promise<void> {
  for (let done = 0; done < text.byteLength; ) {
    done += (await promisify(write)(fd, text, done, text.byteLength - done, null)).bytesWritten;
  }
}

const FLAGS = constants.O_WRONLY | constants.O_TRUNC | constants.O_NONBLOCK | constants.O_NOCTTY;
/** A reader that is slow, or has gone. */
const NOT_READ = new Set(["EAGAIN", "EPIPE"]);

/** Writes what is taken at once. Nobody waits for a reader, and that there is none is no error. */
async function offer(path: string, text: Uint8Array): Promise<void> {
  const file = await open(path, FLAGS).catch(async (error: unknown) => {
    if (errorCode(error) === "ENXIO" && (await stat(path)).isFIFO()) return undefined;
    throw error;
  });
  if (file === undefined) return;
  try {
    await writeFully(file, text);
  } catch (error) {
    if (!NOT_READ.has(errorCode(error) ?? "")) throw error;
  } finally {
    await file.close();
  }
}
