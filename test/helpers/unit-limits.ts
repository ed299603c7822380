import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { type Unit, value } from "./unit-sandbox.ts";

const HIERARCHIES = "/sys/fs/cgroup";
const CPU_PERIOD_US = 100_000;

/** Control groups with the limits of a unit. Of version 1: MemoryHigh has no counterpart there. */
export class UnitLimits implements Disposable {
  readonly #memory: string;
  readonly #folders: readonly string[];

  /** Makes them below the cgroup `parent`. */
  constructor(unit: Unit, parent: string) {
    const limits = {
      memory: { "memory.limit_in_bytes": value(unit, "MemoryMax") ?? "" },
      cpu: {
        "cpu.cfs_period_us": `${CPU_PERIOD_US}`,
        "cpu.cfs_quota_us": `${(Number.parseInt(value(unit, "CPUQuota") ?? "", 10) / 100) * CPU_PERIOD_US}`,
      },
      pids: { "pids.max": value(unit, "TasksMax") ?? "" },
    };
    this.#folders = Object.entries(limits).map(([controller, files]) => {
      const folder = `${HIERARCHIES}/${controller}${parent}/unit-${process.pid}-${controller}`;
      mkdirSync(folder, { recursive: true });
      for (const [name, text] of Object.entries(files)) writeFileSync(`${folder}/${name}`, text);
      return folder;
    });
    this.#memory = this.#folders[0] ?? "";
  }

  /** Why they cannot be had on this host, or undefined. */
  static obstacle(): string | undefined {
    const isOfVersion1 = existsSync(`${HIERARCHIES}/memory/memory.limit_in_bytes`);
    return isOfVersion1 ? undefined : "there are no control groups of version 1 here";
  }

  /** Puts a process and its later children under them. */
  take(pid: number): void {
    for (const folder of this.#folders) writeFileSync(`${folder}/cgroup.procs`, `${pid}`);
  }

  /** The most memory that was used, the page cache included, and how often the limit was hit. */
  memory(): { readonly peakBytes: number; readonly hits: number } {
    const read = (name: string) => Number(readFileSync(`${this.#memory}/${name}`, "latin1"));
    return { peakBytes: read("memory.max_usage_in_bytes"), hits: read("memory.failcnt") };
  }

  /** Of processes none may be left. */
  [Symbol.dispose](): void {
    for (const folder of this.#folders) rmdirSync(folder);
  }
}
