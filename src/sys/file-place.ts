import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, rename, unlink } from "node:fs/promises";
import { errorCode } from "./errno.ts";

/** Gives an open file a name, as the shim does: throws an error with the code EEXIST where there is one already. */
export type LinkFile = (fd: number, path: string) => void;

/** A name in a folder that is held open, so that whatever happens to its path, it stays the same one. */
export class FilePlace implements AsyncDisposable {
  readonly #folder: FileHandle;
  readonly #linkFile: LinkFile | undefined;
  readonly path: string;
  /** What is there is whole, and on its way to the name: whoever finds it may move it there. */
  readonly #hidden: string;
  /** Nobody else's. */
  readonly ownHidden: string;

  constructor(folder: FileHandle, name: string, linkFile: LinkFile | undefined) {
    // Names may be as long as the file system allows: this one is short.
    const hash = createHash("sha256").update(name).digest("hex").slice(0, 16);
    this.#folder = folder;
    this.#linkFile = linkFile;
    this.path = this.at(name);
    this.#hidden = this.at(`.optimizer-${hash}`);
    this.ownHidden = `${this.#hidden}.${randomBytes(4).toString("hex")}`;
  }

  at(name: string): string {
    return `/proc/self/fd/${this.#folder.fd}/${name}`;
  }

  /** Gives a file without a name this one, in the place of what has it. A link cannot replace, and a rename needs a name. */
  async take(file: FileHandle): Promise<void> {
    if (this.#link(file, this.path)) return;
    if (this.#link(file, this.#hidden)) return await this.#move(this.#hidden);
    // Another program is about to take its next step, or was killed before it. It may find that done.
    await rename(this.#hidden, this.path).catch(() => {});
    if (!this.#link(file, this.ownHidden)) throw failure("EEXIST");
    await this.#move(this.ownHidden);
  }

  #link({ fd }: FileHandle, path: string): boolean {
    try {
      this.#linkFile?.(fd, path);
      return true;
    } catch (error) {
      if (errorCode(error) === "EEXIST") return false;
      throw error;
    }
  }

  async #move(hidden: string): Promise<void> {
    try {
      await rename(hidden, this.path);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return; // another program has done it for us, see above
      await remove(hidden);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder.close();
  }
}

/** Removes a name, unless somebody has done so already. Rejects with the system's error. */
export async function remove(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw error;
  });
}

/** An error as `node:fs` throws them. */
export function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
