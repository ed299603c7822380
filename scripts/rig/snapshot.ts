import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";
import type { Containerd } from "./containerd.ts";
import type { Image } from "./oci.ts";
import { currentRun } from "./sandbox.ts";

/**
 * The files of an imported image, mounted as a container gets them: with an upper layer of its own to write to.
 * Disposing of it unmounts it and removes the upper layer.
 */
export class Snapshot implements AsyncDisposable {
  readonly folder: string;
  readonly #containerd: Containerd;
  readonly #key: string;
  static #count = 0;

  private constructor(containerd: Containerd, key: string, folder: string) {
    this.#containerd = containerd;
    this.#key = key;
    this.folder = folder;
  }

  static async mount(containerd: Containerd, image: Image): Promise<Snapshot> {
    const key = `rig-${process.pid}-${++Snapshot.#count}`;
    const folder = join(currentRun().folder, key);
    await mkdir(folder);
    // Not `view`, though one of two is only looked at: ctr protects the other kind alone from garbage collection.
    await containerd.ctr("snapshots", "prepare", key, image.chainId);
    const snapshot = new Snapshot(containerd, key, folder);
    try {
      // ctr says how to mount it, as the command that does.
      const command = await containerd.ctr("snapshots", "mounts", folder, key);
      await run(["sh", "-e", "-c", command]);
      return snapshot;
    } catch (error) {
      await containerd.ctr("snapshots", "rm", key);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(["umount", this.folder]);
    await this.#containerd.ctr("snapshots", "rm", this.#key);
  }
}
