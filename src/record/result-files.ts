import { access, link, mkdir, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type CsvStyle, csvHeader, csvRow } from "../formats/csv.ts";
import { isListable, listLine } from "../formats/list.ts";
import { errorCode, SyscallError } from "../sys/errno.ts";
import { Appender } from "./appender.ts";
import { create, syncDirectory, writeNew } from "./new-file.ts";
import type { RecordedFile } from "./recording.ts";
import { removeTemporary, runFor, type Temporary, temporaryFor } from "./temporary.ts";

/** What happens when a list of that name is there already. */
export type Existing = "keep" | "replace" | "merge";

/** What is on disk in the end: nothing, the result, or a run that is to be merged into the result. */
export type Written = "nothing" | "result" | "run";

/** Where a result goes. */
export interface ResultTarget {
  /** `persist_dir`. */
  readonly directory: string;
  /** From resultName(). */
  readonly name: string;
  readonly existing: Existing;
}

/** How a result is made. */
export interface ResultFilesOptions {
  readonly target: ResultTarget;
  /** Tells this result's temporary files from those of other containers: the container's id. */
  readonly id: string;
  /** When the trace began. */
  readonly startedAt: Date;
  readonly csvStyle: CsvStyle;
  /** Makes the text of the json file, whenever it is written. */
  readonly provenance: () => string;
  /** Told once, when something goes wrong and nothing more will be written. */
  readonly onError: (error: SyscallError) => void;
}

/** How long a line may wait in memory: what SIGKILL can take. */
const FLUSH_AFTER_MS = 250;
/** So many lines make one write. */
const FILES_PER_WRITE = 1000;
const DIRECTORY_MODE = 0o755;

/**
 * The files of one result while it is made: list, table and provenance.
 *
 * List and table grow under temporary names until the first lines are written, then at their final
 * path: an older result is replaced in one step, by one that is not empty. A run that is to be merged stays under
 * temporary names, and its provenance comes last. No caller ever waits for the disk; what goes wrong leaves a valid
 * prefix.
 */
export class ResultFiles {
  readonly #target: ResultTarget;
  readonly #path: string;
  readonly #provenance: () => string;
  readonly #onError: (error: SyscallError) => void;
  readonly #temporary: Temporary;
  readonly #csvStyle: CsvStyle;
  #opening: Promise<Opened | undefined> | undefined;
  /** One flush at a time: a second one must not see a half-published result. */
  #flushing: Promise<void> = Promise.resolve();
  #pending: RecordedFile[] = [];
  #timer: Timer | undefined;
  #writeAfter: Promise<unknown> | undefined;
  /** The first lines are where they stay. */
  #placed = false;
  #error: unknown;

  constructor({ target, id, startedAt, csvStyle, provenance, onError }: ResultFilesOptions) {
    this.#target = target;
    this.#path = join(target.directory, target.name);
    this.#temporary =
      target.existing === "merge" ? runFor(this.#path, id, startedAt) : temporaryFor(this.#path, id);
    this.#csvStyle = csvStyle;
    this.#provenance = provenance;
    this.#onError = onError;
  }

  /** Whether a list of that name exists. Rejects when the folder cannot be read. */
  static async exists({ directory, name }: ResultTarget): Promise<boolean> {
    try {
      await access(join(directory, name));
      return true;
    } catch (error) {
      const code = errorCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return false;
      throw SyscallError.from(`look for ${join(directory, name)}`, error);
    }
  }

  /** The final path of the list. */
  get path(): string {
    return this.#path;
  }

  /** Lets nothing be written before `moment`: the end of an older recording that has the same name. */
  writeAfter(moment: Promise<unknown>): void {
    this.#writeAfter = moment;
  }

  /** Adds a file. It is written soon. */
  add(file: RecordedFile): void {
    this.#pending.push(file);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#flush();
    }, FLUSH_AFTER_MS);
  }

  /**
   * Writes the rest, makes it durable, and writes the provenance a last time. A trace without a single file leaves
   * nothing, and an older result as it was.
   */
  async finish(): Promise<Written> {
    clearTimeout(this.#timer);
    await this.#flush();
    const opened = await this.#opening;
    if (opened === undefined) return "nothing";
    await Promise.all([opened.list.finish(), opened.csv.finish()]);
    this.#noteErrorsOf(opened);
    const written = this.#target.existing === "merge" ? await this.#leaveRun() : await this.#complete();
    if (written !== "run") await removeTemporary(this.#temporary); // what has found its place is there no more
    await syncDirectory(dirname(this.#path));
    return written;
  }

  async #complete(): Promise<Written> {
    if (!this.#placed) return "nothing";
    await this.#writeProvenance(this.#temporary.json, `${this.#path}.json`);
    return "result";
  }

  /** With its record a run is whole: without one nobody would merge it. */
  async #leaveRun(): Promise<Written> {
    const { list, json } = this.#temporary;
    return this.#placed && (await this.#writeProvenance(`${list}.new`, json)) ? "run" : "nothing";
  }

  /** Writes the provenance alone, for a trace that never began, unless there is a list that it would belie. */
  async note(): Promise<void> {
    const { json } = this.#temporary;
    try {
      if (await ResultFiles.exists(this.#target)) return;
      await mkdir(dirname(this.#path), { recursive: true, mode: DIRECTORY_MODE });
      await writeNew(json, this.#provenance());
      // A merge may be making the first list at this moment: its record is not to be replaced.
      if (this.#target.existing === "merge") await link(json, `${this.#path}.json`);
      else await rename(json, `${this.#path}.json`);
    } catch (error) {
      if (errorCode(error) !== "EEXIST") this.#fail(error);
    }
    await removeTemporary(this.#temporary);
  }

  /** With the first line: a trace without one touches nothing. */
  #open(): Promise<Opened | undefined> {
    this.#opening ??= this.#create().catch((error: unknown) => {
      this.#fail(error);
      return undefined;
    });
    return this.#opening;
  }

  async #create(): Promise<Opened> {
    await this.#writeAfter;
    await mkdir(dirname(this.#path), { recursive: true, mode: DIRECTORY_MODE });
    const list = await create(this.#temporary.list);
    try {
      const csv = new Appender(await create(this.#temporary.csv));
      void csv.append(csvHeader);
      return { list: new Appender(list), csv };
    } catch (error) {
      await list.close();
      await removeTemporary(this.#temporary);
      throw error;
    }
  }

  #flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flushNow());
    return this.#flushing;
  }

  async #flushNow(): Promise<void> {
    const files = this.#pending;
    if (files.length === 0) return;
    this.#pending = [];
    const opened = await this.#open();
    if (opened === undefined) return;
    for (let start = 0; start < files.length; start += FILES_PER_WRITE) {
      await this.#write(opened, files.slice(start, start + FILES_PER_WRITE));
    }
    this.#noteErrorsOf(opened);
    const isListed = files.some(({ path }) => isListable(path));
    if (this.#placed || !isListed || this.#error !== undefined) return;
    if (this.#target.existing === "merge") this.#placed = true;
    else await this.#publish();
  }

  async #write({ list, csv }: Opened, files: readonly RecordedFile[]): Promise<void> {
    const lines = files.map(({ path }) => (isListable(path) ? listLine(path) : ""));
    const rows = files.map((file) => csvRow(file, this.#csvStyle));
    await Promise.all([list.append(lines.join("")), csv.append(rows.join(""))]);
  }

  #noteErrorsOf({ list, csv }: Opened): void {
    const error = list.error ?? csv.error;
    if (error !== undefined) this.#fail(error);
  }

  #fail(error: unknown): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#onError(SyscallError.from(`write ${this.#path}`, error));
  }

  /** The list goes first: when its name cannot be had, the older result stays as it is. */
  async #publish(): Promise<void> {
    const { list, csv, json } = this.#temporary;
    try {
      await writeNew(json, this.#provenance());
      if (this.#target.existing === "replace") {
        await rename(list, this.#path);
      } else {
        await link(list, this.#path); // fails where rename would replace
        await unlink(list);
      }
      this.#placed = true;
      await rename(csv, `${this.#path}.csv`);
      await rename(json, `${this.#path}.json`);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Returns whether it is there. */
  async #writeProvenance(temporary: string, path: string): Promise<boolean> {
    try {
      await writeNew(temporary, this.#provenance());
      await rename(temporary, path);
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }
}

interface Opened {
  readonly list: Appender;
  readonly csv: Appender;
}
