import type { FileHandle } from "node:fs/promises";
import { errorCode } from "./errno.ts";

/** Bytes on their way to the place that a user has named. Disposed before they are finished, they never get there. */
export interface Output extends AsyncDisposable {
  /** Rejects with the system's error. Never two at a time. */
  write(bytes: Uint8Array): Promise<void>;
  /** Waits until they are on the disk, where they are of a kind that gets there. Rejects with the system's error. */
  sync(): Promise<void>;
  /** Puts them into their place. Rejects with the system's error. */
  finish(): Promise<void>;
}

/** An open file that is written over, as a shell's `>` does it: what was there is gone with the first write. */
export class OverwrittenFile implements Output {
  readonly #file: FileHandle;
  #isEmptied = false;

  /** Takes the file over and closes it. */
  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#empty();
    await writeFully(this.#file, bytes);
  }

  async sync(): Promise<void> {
    await this.#empty();
    await syncData(this.#file);
  }

  async finish(): Promise<void> {
    await this.#empty();
  }

  async #empty(): Promise<void> {
    if (!this.#isEmptied) await this.#file.truncate(0);
    this.#isEmptied = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Writes all of it where the file stands. Rejects with the system's error. */
export async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    done += (await file.write(bytes, done, bytes.byteLength - done, null)).bytesWritten;
  }
}

/** Waits for the disk, if the file is on one. Rejects with the system's error. */
export async function syncData(file: FileHandle): Promise<void> {
  await file.datasync().catch((error: unknown) => {
    const code = errorCode(error);
    if (code !== "EINVAL" && code !== "ENOTSUP" && code !== "EOPNOTSUPP") throw error;
  });
}
