import { type FileHandle, mkdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { create, openFound } from "./new-file.ts";
import { lockName, RECORDER } from "./temporary.ts";

/** Locks an open file, without waiting, until it is closed; returns whether it could. */
export type Lock = (fd: number) => boolean;

/** Whoever may open a file may lock it: others would take us for alive as long as a stranger likes. */
const MODE = 0o600;

/** A sign in a folder of results that this process is alive. Others leave alone what it has begun there. */
export class Claim {
  readonly #path: string;
  readonly #file: FileHandle;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** Makes the folder if need be. Rejects with the system's error. */
  static async take(directory: string, lock: Lock): Promise<Claim> {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    const path = join(directory, lockName(RECORDER));
    const file = await create(path, MODE);
    lock(file.fd); // where a file system has no locks, others take us for dead, and we complete what they end
    return new Claim(path, file);
  }

  /** Takes the sign away. */
  async release(): Promise<void> {
    await unlink(this.#path).catch(() => {});
    await this.#file.close();
  }
}

/** Whether the process that recorded as `recorder` into this folder has ended. */
export async function isGone(directory: string, recorder: string, lock: Lock): Promise<boolean> {
  if (recorder === RECORDER) return false;
  try {
    await using file = await openFound(join(directory, lockName(recorder)));
    return lock(file.fd);
  } catch {
    return true; // it took its sign away, or never had one
  }
}
