import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";
import { compileProgram } from "./programs.ts";

export interface DiskOptions {
  /** Where it is mounted; made if need be. */
  readonly at: string;
  /** For its program and its files. */
  readonly folder: string;
  /** What each change takes longer than on the disk below. */
  readonly delayMs?: number;
}

type Daemon = Bun.Subprocess<"ignore", "pipe", "inherit">;

/** A mounted disk that can be slow, hang and die; see programs/disk.c. Disposing of it unmounts it. */
export class Disk implements AsyncDisposable {
  readonly #at: string;
  readonly #daemon: Daemon;

  private constructor(at: string, daemon: Daemon) {
    this.#at = at;
    this.#daemon = daemon;
  }

  static async mount({ at, folder, delayMs = 0 }: DiskOptions): Promise<Disk> {
    mkdirSync(folder, { recursive: true });
    const program = await compileProgram(mkdtempSync(join(folder, "disk-")), "disk");
    const source = mkdtempSync(join(folder, "files-"));
    mkdirSync(at, { recursive: true });
    const daemon = Bun.spawn([program, source, at, `${delayMs}`], { stdio: ["ignore", "pipe", "inherit"] });
    const { value } = await daemon.stdout.getReader().read();
    if (value === undefined) throw new Error(`Cannot mount a disk at ${at}: see stderr`);
    return new Disk(at, daemon);
  }

  /** From now on nobody who reads or writes gets an answer. */
  hang(): void {
    this.#daemon.kill("SIGSTOP");
  }

  /** It answers again, those too who have waited. */
  goOn(): void {
    this.#daemon.kill("SIGCONT");
  }

  /** All who wait, and all who come, get ENOTCONN. */
  async die(): Promise<void> {
    this.#daemon.kill("SIGKILL");
    await this.#daemon.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.die();
    await run(["umount", "--lazy", this.#at]);
  }
}
