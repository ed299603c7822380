import { existsSync, mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killAll } from "./children.ts";

const PREFIX = "optimizer-bench-";

/** The folder in which everything lies that a run makes. */
export class Scratch {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** One that is somebody else's, to make and to remove. */
  static in(folder: string): Scratch {
    return new Scratch(folder);
  }

  /**
   * Makes it. When this process ends, be it by a signal, its children go, with them all mounts, and then the folder.
   * What runs left behind that were ended by SIGKILL goes now.
   */
  static open(): Scratch {
    for (const name of readdirSync(tmpdir())) {
      const pid = new RegExp(`^${PREFIX}(\\d+)$`).exec(name)?.[1];
      if (pid !== undefined && !existsSync(`/proc/${pid}`)) remove(join(tmpdir(), name));
    }
    const folder = join(tmpdir(), `${PREFIX}${process.pid}`);
    mkdirSync(folder);
    process.on("exit", () => {
      killAll();
      remove(folder);
    });
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));
    return new Scratch(folder);
  }

  /** A new folder in it. */
  make(name: string): string {
    return mkdtempSync(join(this.folder, `${name}-`));
  }
}

/** Removes a folder. Not rmSync, which is slow for a million of files. */
export function remove(folder: string): void {
  Bun.spawnSync(["rm", "-rf", folder]);
}
