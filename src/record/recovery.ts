import type { Dirent } from "node:fs";
import { lstat, readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../log.ts";
import { isGone, type Lock } from "./claim.ts";
import { writeNew } from "./new-file.ts";
import { readUnended } from "./own-record.ts";
import { ResultsFolder } from "./results-folder.ts";
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
    await using folder = await ResultsFolder.find(options.directory, ".");
    if (folder !== undefined) await recovery.enter(folder, options.directory, 0);
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

  /** Links are not followed. A folder that is gone meanwhile, or another user's, is passed over. `place` is its path. */
  async enter(folder: ResultsFolder, place: string, depth: number): Promise<void> {
    const entries = await readdir(folder.path, { withFileTypes: true }).catch((): Dirent[] => []);
    for (const entry of entries) {
      const path = join(place, entry.name);
      const recorder = recorderOf(entry.name);
      if (recorder !== undefined) await this.#removeOf(recorder, folder.at(entry.name));
      else if (entry.isDirectory() && depth < DEPTH_MAX)
        await this.#enterBelow(folder, entry.name, path, depth);
      else if (entry.isFile() && entry.name.endsWith(".json")) await this.#complete(folder, entry.name, path);
    }
  }

  async #enterBelow(above: ResultsFolder, name: string, path: string, depth: number): Promise<void> {
    await using folder = await above.below(name).catch(() => undefined);
    if (folder !== undefined) await this.enter(folder, path, depth + 1);
  }

  #isGone(recorder: string): Promise<boolean> {
    const { directory, lock } = this.#options;
    const known = this.#gone.get(recorder) ?? isGone(directory, recorder, lock);
    this.#gone.set(recorder, known);
    return known;
  }

  async #removeOf(recorder: string, path: string): Promise<void> {
    // A run with its record is whole: the next merge takes it.
    const isWhole = await lstat(`${path.replace(/\.(?:csv|json)$/, "")}.json`).then(
      () => true,
      () => false,
    );
    if (isWhole || !(await this.#isGone(recorder))) return;
    await unlink(path).then(
      () => this.removed++,
      () => {},
    );
  }

  async #complete(folder: ResultsFolder, name: string, path: string): Promise<void> {
    const record = await readUnended(folder.at(name));
    if (record === undefined) return;
    const recorder = record["recorder"];
    if (typeof recorder === "string" && !(await this.#isGone(recorder))) return;
    const temporary = folder.at(temporaryNames("recovery").json);
    const written = await lstat(folder.at(name.slice(0, -".json".length))).catch(() => undefined);
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
      await rename(temporary, folder.at(name));
      this.results++;
    } catch (error) {
      this.#options.log.warn(`Cannot complete ${path}: ${error}`);
    }
  }
}
