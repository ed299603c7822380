import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, lstat, rename, unlink } from "node:fs/promises";
import { errorCode } from "./errno.ts";
import { isStrangers } from "./output-target.ts";

/** Gives an open file a name, as the shim does: throws an error with the code EEXIST where there is one already. */
export type LinkFile = (fd: number, path: string) => void;

/** A name in a folder that is held open, so that whatever happens to its path, it stays the same one. */
export class FilePlace implements AsyncDisposable {
  readonly #folder: FileHandle;
  readonly #linkFile: LinkFile | undefined;
  readonly path: string;
  /** Short and random: in a folder like /tmp nobody can put anything there before us. */
  readonly ownHidden: string;

  constructor(folder: FileHandle, name: string, linkFile: LinkFile | undefined) {
    this.#folder = folder;
    this.#linkFile = linkFile;
    this.path = this.at(name);
    this.ownHidden = this.at(`.optimizer-${randomBytes(8).toString("hex")}`);
  }

  at(name: string): string {
    return `/proc/self/fd/${this.#folder.fd}/${name}`;
  }

  /** What lies there; undefined where nothing does. Rejects with the system's error. */
  async look(): Promise<Stats | undefined> {
    return await lstat(this.path).catch((error: unknown) => {
      if (errorCode(error) !== "ENOENT") throw error;
      return undefined;
    });
  }

  /** The regular file there whose owner and mode a new one has to have: none that a stranger has put into a folder like /tmp. */
  async older(): Promise<Stats | undefined> {
    const stats = await this.look();
    return stats?.isFile() && !isStrangers(stats, await this.#folder.stat()) ? stats : undefined;
  }

  /**
   * Gives a file without a name this one, in the place of what has it. A link cannot replace, and a rename needs a name.
   * `takeOver` is called before something is replaced.
   */
  async take(file: FileHandle, takeOver: (file: FileHandle) => Promise<unknown>): Promise<void> {
    if (this.#link(file, this.path)) return;
    await takeOver(file);
    // Only what we have linked ourselves is renamed: another file with such a name may be a stranger's.
    if (!this.#link(file, this.ownHidden)) throw failure("EEXIST");
    try {
      await rename(this.ownHidden, this.path);
    } catch (error) {
      await remove(this.ownHidden);
      throw error;
    }
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
