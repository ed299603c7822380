import { type FileHandle, open, rename } from "node:fs/promises";
import { type FilePlace, remove } from "./file-place.ts";
import { type Output, syncData, writeFully } from "./output.ts";

/** Gives a new file owner and mode of an older one that is there by then, and returns whether it could. */
export type TakeOver = (file: FileHandle) => Promise<boolean>;

/** A file that gets a name when it is whole. */
export class UnnamedFile implements Output {
  readonly #place: FilePlace;
  readonly #file: FileHandle;
  readonly #takeOver: TakeOver;

  constructor(place: FilePlace, file: FileHandle, takeOver: TakeOver) {
    this.#place = place;
    this.#file = file;
    this.#takeOver = takeOver;
  }

  write(bytes: Uint8Array): Promise<void> {
    return writeFully(this.#file, bytes);
  }

  sync(): Promise<void> {
    return syncData(this.#file);
  }

  async finish(): Promise<void> {
    await this.#place.take(this.#file, this.#takeOver);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await this.#place[Symbol.asyncDispose]();
  }
}

/** A file with a hidden name, from the first write on. */
export class NamedFile implements Output {
  readonly #place: FilePlace;
  readonly #mode: number;
  readonly #takeOver: TakeOver;
  #file: FileHandle | undefined;

  constructor(place: FilePlace, mode: number, takeOver: TakeOver) {
    this.#place = place;
    this.#mode = mode;
    this.#takeOver = takeOver;
  }

  /** Whether such a file can be made, and can have the owner that it has to. Leaves none. */
  async isPossible(): Promise<boolean> {
    try {
      return await this.#takeOver(await this.#open());
    } finally {
      await this.#remove();
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    await writeFully(await this.#open(), bytes);
  }

  async sync(): Promise<void> {
    await syncData(await this.#open());
  }

  async finish(): Promise<void> {
    const file = await this.#open();
    await this.#takeOver(file);
    await rename(this.#place.ownHidden, this.#place.path);
    this.#file = undefined;
    await file.close();
  }

  async #open(): Promise<FileHandle> {
    this.#file ??= await open(this.#place.ownHidden, "wx", this.#mode);
    return this.#file;
  }

  async #remove(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    await remove(this.#place.ownHidden);
    await file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#remove();
    await this.#place[Symbol.asyncDispose]();
  }
}
