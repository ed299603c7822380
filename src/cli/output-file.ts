import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { errorCode, SyscallError } from "../sys/errno.ts";
import type { LinkFile } from "../sys/file-place.ts";
import { beginReplacement } from "../sys/file-replacement.ts";
import { type Output, writeFully } from "../sys/output.ts";
import { findOutputTarget, inFolder, OutputError, type OutputTarget } from "../sys/output-target.ts";
import { loadShim } from "../sys/shim.ts";
import { writeAll } from "../sys/terminal.ts";
import { UsageError } from "./usage.ts";

/** As a shell makes files: the umask takes away what nobody else shall do. */
const MODE = 0o666;

/**
 * Where a command writes that was given the name of a file, with the effects of a shell's `>`: links are followed, a
 * device, a FIFO or a descriptor is written as it is. A regular file appears, or is replaced, when all is written.
 */
export class OutputFile implements AsyncDisposable {
  readonly #path: string;
  readonly #output: Output;
  /** The regular file that it becomes, behind all links; undefined where it becomes none. */
  readonly finalPath: string | undefined;

  private constructor(path: string, output: Output, finalPath: string | undefined) {
    this.#path = path;
    this.#output = output;
    this.finalPath = finalPath;
  }

  /** The same for a flag that may be missing. */
  static async openIfNamed(path: string | undefined): Promise<OutputFile | undefined> {
    return path === undefined ? undefined : await OutputFile.open(path);
  }

  /**
   * Makes sure that it can be written, before the work begins. Changes nothing yet, but waits for a reader of a FIFO.
   * Rejects with UsageError.
   */
  static async open(path: string): Promise<OutputFile> {
    try {
      const target = await findOutputTarget(path);
      const finalPath = target.kind === "file" ? inFolder(target.folder, target.name) : undefined;
      return new OutputFile(path, await openTarget(target), finalPath);
    } catch (error) {
      throw new UsageError(OutputError.from(path, error).message, { cause: error });
    }
  }

  /** Adds latin1 text. Rejects with SyscallError. */
  append(text: string): Promise<void> {
    return this.#told(this.#output.write(Buffer.from(text, "latin1")));
  }

  /** Makes it durable and puts it in its place. Rejects with SyscallError. */
  finish(): Promise<void> {
    return this.#told(this.#output.sync().then(() => this.#output.finish()));
  }

  async #told(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => {
      throw SyscallError.from(`write to ${this.#path}`, error);
    });
  }

  /** Leaves nothing behind of what was not finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#output[Symbol.asyncDispose]();
  }
}

async function openTarget(target: OutputTarget): Promise<Output> {
  switch (target.kind) {
    case "file":
      return await beginReplacement(target, { linkFile: linkFile(), mode: MODE, foreign: "refuse" });
    case "stream":
      return await openStream(target.path);
    case "descriptor":
      return asOutput(async (bytes) => writeAll(bytes, target.fd));
  }
}

/** Without the shim a file has a name while it is written. */
function linkFile(): LinkFile | undefined {
  try {
    return loadShim().linkFile;
  } catch {
    return undefined;
  }
}

const STREAM_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOCTTY;

async function openStream(path: string): Promise<Output> {
  const file = await open(path, STREAM_FLAGS, MODE);
  const write = async (bytes: Uint8Array): Promise<void> => {
    await writeFully(file, bytes).catch((error: unknown) => {
      if (errorCode(error) !== "EPIPE") throw error; // a reader that has gone has seen enough
    });
  };
  return asOutput(write, () => file.close());
}

/** Of what has its place already. */
function asOutput(write: Output["write"], close = async (): Promise<void> => {}): Output {
  const nothing = async (): Promise<void> => {};
  return { write, sync: nothing, finish: nothing, [Symbol.asyncDispose]: close };
}
