import { link, rename, unlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { type CsvStyle, csvHeader, csvRow } from "../formats/csv.ts";
import { isListable, listLine } from "../formats/list.ts";
import { errorCode, SyscallError } from "../sys/errno.ts";
import { Appender } from "./appender.ts";
import { inTurn } from "./disk-turns.ts";
import { lacksDescriptors, overwrite, writeNew } from "./new-file.ts";
import type { RecordedFile } from "./recording.ts";
import { ResultsFolder } from "./results-folder.ts";
import { findStanding } from "./standing.ts";
import { companions, removeAll, runNames, type Temporary, temporaryNames } from "./temporary.ts";

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
  /** Makes the text of the json file, whenever it is written; a short one where there is no room. */
  readonly provenance: (length: "full" | "short") => string;
  /** Told once of what ends the writing, and before that, once, of what ends the table: the list goes on without it. */
  readonly onError: (error: SyscallError) => void;
}

/** How long a line waits in memory before its turn at the disk: what SIGKILL can take. */
const FLUSH_AFTER_MS = 250;
/** So many lines make one write. */
const FILES_PER_WRITE = 1000;

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
  readonly #provenance: ResultFilesOptions["provenance"];
  readonly #onError: (error: SyscallError) => void;
  readonly #temporary: Temporary;
  readonly #csvStyle: CsvStyle;
  #growing: Growing | undefined;
  /** One flush at a time: a second one must not see a half-published result. */
  #flushing: Promise<void> = Promise.resolve();
  #pending: RecordedFile[] = [];
  #timer: Timer | undefined;
  #writeAfter: Promise<unknown> | undefined;
  /** The first lines are where they stay. */
  #placed = false;
  #error: unknown;
  #isTableLost = false;

  constructor({ target, id, startedAt, csvStyle, provenance, onError }: ResultFilesOptions) {
    this.#target = target;
    this.#path = join(target.directory, target.name);
    this.#temporary = target.existing === "merge" ? runNames(this.#path, id, startedAt) : temporaryNames(id);
    this.#csvStyle = csvStyle;
    this.#provenance = provenance;
    this.#onError = onError;
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
    this.#flushSoon();
  }

  #flushSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#flush("again");
    }, FLUSH_AFTER_MS);
  }

  /**
   * Writes the rest, makes it durable, and writes the provenance a last time. A trace without a single file leaves
   * nothing, and an older result as it was.
   */
  async finish(): Promise<Written> {
    clearTimeout(this.#timer);
    await this.#flush("at once");
    const growing = this.#growing;
    if (growing === undefined) return "nothing";
    const written = await this.#inFolder(async (folder) => {
      await this.#sync(growing, folder);
      const isRun = this.#target.existing === "merge";
      const written = await (isRun ? this.#leaveRun(folder, growing) : this.#complete(folder, growing));
      // What has found its place is there no more.
      if (written !== "run") await removeAll(this.#temporaryIn(folder));
      await folder.sync();
      return written;
    });
    return written ?? "nothing";
  }

  async #sync({ list, csv }: Growing, folder: ResultsFolder): Promise<void> {
    const at = this.#growingIn(folder);
    await list.sync(at.list).catch((error: unknown) => this.#fail(error));
    if (!this.#isTableLost) await csv.sync(at.csv).catch((error: unknown) => this.#loseTable(error));
  }

  async #complete(folder: ResultsFolder, { list }: Growing): Promise<Written> {
    if (!this.#placed || !(await list.isAt(folder.at(this.#final.list)))) return "nothing";
    await this.#writeProvenance(folder, this.#temporary.json, this.#final.json);
    return "result";
  }

  /** With its record a run is whole: without one nobody would merge it. */
  async #leaveRun(folder: ResultsFolder, growing: Growing): Promise<Written> {
    const { list, json } = this.#temporary;
    if (!this.#placed || !(await growing.list.isAt(folder.at(list)))) return "nothing";
    return (await this.#writeProvenance(folder, `${list}.new`, json)) ? "run" : "nothing";
  }

  /** Writes the provenance alone, for a trace that never began, unless there is a list that it would belie. */
  async note(): Promise<void> {
    await this.#inFolder(async (folder) => {
      const { json } = this.#temporaryIn(folder);
      const final = folder.at(this.#final.json);
      const isFree = async () => (await findStanding(this.#target)) === "none";
      try {
        if (!(await isFree())) return;
        await writeNew(json, this.#provenance("full"));
        // A merge may be making the first list at this moment: its record is not to be replaced.
        if (this.#target.existing === "merge") await link(json, final);
        // On a slow disk that took its time: another container's list may have begun.
        else if (await isFree()) await rename(json, final);
      } catch (error) {
        if (errorCode(error) !== "EEXIST") this.#fail(error);
      }
      await removeAll(this.#temporaryIn(folder));
    });
  }

  /** Undefined when that folder cannot be had, or the act fails, which is told. */
  async #inFolder<T>(act: (folder: ResultsFolder) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#enter(act);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  #enter<T>(act: (folder: ResultsFolder) => Promise<T>): Promise<T> {
    return inTurn(async () => {
      await using folder = await ResultsFolder.make(this.#target.directory, this.#target.name);
      return await act(folder);
    });
  }

  get #final(): Temporary {
    return companions(basename(this.#target.name));
  }

  #temporaryIn(folder: ResultsFolder): Temporary {
    return companions(folder.at(this.#temporary.list));
  }

  /** Where list and table are by now. */
  #growingIn(folder: ResultsFolder): Temporary {
    if (!this.#placed || this.#target.existing === "merge") return this.#temporaryIn(folder);
    return companions(folder.at(this.#final.list));
  }

  /** Whether it is to be tried again later where there are no descriptors. */
  #flush(attempt: "again" | "at once"): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#flushNow(attempt));
    return this.#flushing;
  }

  async #flushNow(attempt: "again" | "at once"): Promise<void> {
    const files = this.#pending;
    this.#pending = [];
    if (files.length === 0 || this.#error !== undefined) return;
    await this.#writeAfter;
    let isEntered = false;
    const write = async (folder: ResultsFolder): Promise<void> => {
      isEntered = true;
      this.#growing ??= await this.#create(folder); // a trace without a line touches nothing
      for (let start = 0; start < files.length; start += FILES_PER_WRITE) {
        await this.#write(this.#growing, folder, files.slice(start, start + FILES_PER_WRITE));
      }
      if (this.#placed || !files.some(({ path }) => isListable(path))) return;
      if (this.#target.existing === "merge") this.#placed = true;
      else await this.#publish(folder);
    };
    try {
      await this.#enter(write);
    } catch (error) {
      if (isEntered || attempt === "at once" || !lacksDescriptors(error)) return this.#fail(error);
      this.#pending = [...files, ...this.#pending];
      this.#flushSoon();
    }
  }

  async #create(folder: ResultsFolder): Promise<Growing> {
    const names = this.#temporaryIn(folder);
    const list = await Appender.create(names.list);
    try {
      const csv = await Appender.create(names.csv);
      await csv.append(names.csv, csvHeader);
      return { list, csv };
    } catch (error) {
      await removeAll(names);
      throw error;
    }
  }

  async #write({ list, csv }: Growing, folder: ResultsFolder, files: readonly RecordedFile[]): Promise<void> {
    const at = this.#growingIn(folder);
    const lines = files.map(({ path }) => (isListable(path) ? listLine(path) : ""));
    await list.append(at.list, lines.join(""));
    if (this.#isTableLost) return;
    const rows = files.map((file) => csvRow(file, this.#csvStyle));
    await csv.append(at.csv, rows.join("")).catch((error: unknown) => this.#loseTable(error));
  }

  /** The list is what counts: it goes on when somebody has taken its table away. */
  #loseTable(error: unknown): void {
    this.#isTableLost = true;
    if (this.#error === undefined) this.#onError(SyscallError.from(`write ${this.#path}.csv`, error));
  }

  #fail(error: unknown): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#onError(SyscallError.from(`write ${this.#path}`, error));
  }

  /** The list goes first: when its name cannot be had, the older result stays as it is. */
  async #publish(folder: ResultsFolder): Promise<void> {
    const { list, csv, json } = this.#temporaryIn(folder);
    const final = this.#final;
    await writeNew(json, this.#provenance("full"));
    if (this.#target.existing === "replace") {
      await rename(list, folder.at(final.list));
    } else {
      await link(list, folder.at(final.list)); // fails where rename would replace
      await unlink(list);
    }
    this.#placed = true;
    await rename(csv, folder.at(final.csv));
    await rename(json, folder.at(final.json));
  }

  /** Returns whether it is there. */
  async #writeProvenance(folder: ResultsFolder, temporary: string, name: string): Promise<boolean> {
    try {
      await writeNew(folder.at(temporary), this.#provenance("full"));
      await rename(folder.at(temporary), folder.at(name));
      return true;
    } catch (error) {
      this.#fail(error);
      return await this.#shortenProvenance(folder, name);
    }
  }

  /** On a full disk the room of the record that is there has to do: that the list is not complete must be told. */
  async #shortenProvenance(folder: ResultsFolder, name: string): Promise<boolean> {
    try {
      await overwrite(folder.at(name), this.#provenance("short"));
      return true;
    } catch {
      return false; // there is none, or not even that works: what is there says "recording"
    }
  }
}

/** The files that grow, from the first line on. */
interface Growing {
  readonly list: Appender;
  readonly csv: Appender;
}
