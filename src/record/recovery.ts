import type { Dirent } from "node:fs";
import { readdir, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../log.ts";
import { isGone, type Lock } from "./claim.ts";
import { writeNew } from "./new-file.ts";
import { readUnended } from "./own-record.ts";
import { recorderOf, temporaryNames } from "./temporary.ts";

export interface RecoveryOptions {
  /** `persist_dir`. */
  readonly directory: string;
  readonly lock: Lock;
  readonly log: Log;
}

const DEPTH_MAX = 64;

/**
 * Completes what instances of the program left half-done that have ended: their results become incomplete ones, which
 * the next container records anew, and their temporary files go. Never rejects; what cannot be mended is left, and told
 * once.
 */
export async function recover(options: RecoveryOptions): Promise<void> {
  const recovery = new Recovery(options);
  try {
    await recovery.enter(options.directory, 0);
  } catch (error) {
    options.log.warn(`Cannot look for half-done results in ${options.directory}: ${error}`);
  }
  const { results, removed } = recovery;
  if (results + removed > 0) {
    options.log.info(
      `completed ${results} result(s) that an earlier run was killed over, and removed ${removed} temporary file(s)`,
    );
  }
}

class Recovery {
  readonly #options: RecoveryOptions;
  readonly #gone = new Map<string, Promise<boolean>>();
  results = 0;
  removed = 0;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /** Links are not followed. A folder that is gone meanwhile, or another user's, is passed over. */
  async enter(folder: string, depth: number): Promise<void> {
    const entries = await readdir(folder, { withFileTypes: true }).catch((): Dirent[] => []);
    for (const entry of entries) {
      const path = join(folder, entry.name);
      const recorder = recorderOf(entry.name);
      if (recorder !== undefined) await this.#removeOf(recorder, path);
      else if (entry.isDirectory() && depth < DEPTH_MAX) await this.enter(path, depth + 1);
      else if (entry.isFile() && entry.name.endsWith(".json")) await this.#complete(folder, entry.name);
    }
  }

  #isGone(recorder: string): Promise<boolean> {
    const { directory, lock } = this.#options;
    const known = this.#gone.get(recorder) ?? isGone(directory, recorder, lock);
    this.#gone.set(recorder, known);
    return known;
  }

  async #removeOf(recorder: string, path: string): Promise<void> {
    // A run with its record is whole: the next merge takes it.
    const isWhole = await stat(`${path.replace(/\.(?:csv|json)$/, "")}.json`).then(
      () => true,
      () => false,
    );
    if (isWhole || !(await this.#isGone(recorder))) return;
    await unlink(path).then(
      () => this.removed++,
      () => {},
    );
  }

  async #complete(folder: string, name: string): Promise<void> {
    const path = join(folder, name);
    const record = await readUnended(path);
    if (record === undefined) return;
    const recorder = record["recorder"];
    if (typeof recorder === "string" && !(await this.#isGone(recorder))) return;
    const temporary = join(folder, temporaryNames("recovery").json);
    const written = await stat(path.slice(0, -".json".length)).catch(() => undefined);
    const trouble = Array.isArray(record["trouble"]) ? record["trouble"] : [];
    const ended = {
      ...record,
      complete: false,
      state: "ended",
      reason: "interrupted",
      trouble: [...trouble, "the recorder was killed"],
      ended: written?.mtime.toISOString() ?? null,
      // Those that it had were of the first lines.
      counts: null,
      layers: null,
    };
    try {
      await writeNew(temporary, `${JSON.stringify(ended, null, 2)}\n`);
      await rename(temporary, path);
      this.results++;
    } catch (error) {
      this.#options.log.warn(`Cannot complete ${path}: ${error}`);
    }
  }
}
