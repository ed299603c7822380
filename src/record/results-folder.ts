import { constants } from "node:fs";
import { type FileHandle, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "../sys/errno.ts";
import { openPatiently } from "./new-file.ts";

const DIRECTORY_MODE = 0o755;
const FLAGS = constants.O_RDONLY | constants.O_DIRECTORY;

/**
 * The folder in which a result lies. Below persist_dir no link is followed on the way to it, and no folder entered that
 * belongs to another user: where others can write, names may be traps. Holds one descriptor until it is disposed.
 */
export class ResultsFolder implements AsyncDisposable {
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /**
   * Opens the folder of the result `name` in `directory`, which is made if need be. Rejects with the system's error:
   * ENOTDIR or ELOOP where something else stands in the way, EACCES where it belongs to somebody else.
   */
  static async make(directory: string, name: string): Promise<ResultsFolder> {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    return await ResultsFolder.#enter(directory, name, async (path) => {
      await mkdir(path, DIRECTORY_MODE).catch((error: unknown) => {
        if (errorCode(error) !== "EEXIST") throw error;
      });
    });
  }

  /** The same, but makes nothing; undefined where there is no such folder. */
  static async find(directory: string, name: string): Promise<ResultsFolder | undefined> {
    try {
      return await ResultsFolder.#enter(directory, name, async () => {});
    } catch (error) {
      if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
      throw error;
    }
  }

  static async #enter(
    directory: string,
    name: string,
    before: (path: string) => Promise<void>,
  ): Promise<ResultsFolder> {
    let folder = new ResultsFolder(await openPatiently(directory, FLAGS));
    const parts = dirname(name).split("/");
    for (const part of parts[0] === "." ? [] : parts) {
      const above = folder;
      try {
        await before(above.at(part));
        folder = new ResultsFolder(await openPatiently(above.at(part), FLAGS | constants.O_NOFOLLOW));
      } finally {
        await above[Symbol.asyncDispose]();
      }
      await folder.#refuseForeign();
    }
    return folder;
  }

  async #refuseForeign(): Promise<void> {
    const { uid } = await this.#handle.stat();
    if (uid === 0 || uid === process.geteuid?.()) return;
    await this[Symbol.asyncDispose]();
    throw Object.assign(new Error(`a folder of it belongs to user ${uid}`), { code: "EACCES" });
  }

  /** A folder in this one, under the same conditions; undefined where there is none. */
  async below(folderName: string): Promise<ResultsFolder | undefined> {
    return await ResultsFolder.find(this.path, `${folderName}/.`);
  }

  /** For as long as it is open, and whatever becomes of its name. */
  get path(): string {
    return `/proc/self/fd/${this.#handle.fd}`;
  }

  /** The path of a file in it, for as long as it is open. */
  at(fileName: string): string {
    return `${this.path}/${fileName}`;
  }

  /** Makes new names in it durable. Not every file system can; then its own pace must do. */
  async sync(): Promise<void> {
    await this.#handle.sync().catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
