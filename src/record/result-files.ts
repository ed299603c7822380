import { constants } from "node:fs";
import { access, type FileHandle, link, mkdir, open, rename, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type CsvStyle, csvHeader, csvRow } from "../formats/csv.ts";
import { isListable, listLine } from "../formats/list.ts";
import { errorCode, SyscallError } from "../sys/errno.ts";
import { Appender } from "./appender.ts";
import type { RecordedFile } from "./recording.ts";

/** What happens when a list of that name is there already. */
export type Existing = "keep" | "replace";

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
/** Descriptors that are used up come back: events take many, for moments, and other results end. */
const DESCRIPTOR_WAIT_MS = 3000;
const DESCRIPTOR_POLL_MS = 20;
const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/**
 * The files of one result while it is made: list, table and provenance.
 *
 * List and table grow under temporary names until the first lines are written, then at their final
 * path: an older result is replaced in one step, by one that is not empty. No caller ever waits for
 * the disk; what goes wrong leaves a valid prefix.
 */
export class ResultFiles {
  readonly #target: ResultTarget;
  readonly #path: string;
  readonly #provenance: () => string;
  readonly #onError: (error: SyscallError) => void;
  readonly #id: string;
  readonly #csvStyle: CsvStyle;
  #opening: Promise<Opened | undefined> | undefined;
  /** One flush at a time: a second one must not see a half-published result. */
  #flushing: Promise<void> = Promise.resolve();
  #pending: RecordedFile[] = [];
  #timer: Timer | undefined;
  #writeAfter: Promise<unknown> | undefined;
  #published = false;
  #error: unknown;

  constructor({ target, id, csvStyle, provenance, onError }: ResultFilesOptions) {
    this.#target = target;
    this.#path = join(target.directory, target.name);
    this.#id = id;
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
   * Writes the rest, makes it durable, and writes the provenance a last time. Returns whether there
   * is a result: a trace without a single file leaves none, and an older one as it was.
   */
  async finish(): Promise<boolean> {
    clearTimeout(this.#timer);
    await this.#flush();
    const opened = await this.#opening;
    if (opened === undefined) return false;
    await Promise.all([opened.list.finish(), opened.csv.finish()]);
    this.#noteErrorsOf(opened);
    if (this.#published) await this.#replaceProvenance(opened.temporary);
    await removeAll(opened.temporary); // what has found its place is there no more
    await syncDirectory(dirname(this.#path));
    return this.#published;
  }

  /** Writes the provenance alone, for a trace that never began, unless there is a list that it would belie. */
  async note(): Promise<void> {
    const temporary = this.#temporary();
    try {
      if (await ResultFiles.exists(this.#target)) return;
      await mkdir(dirname(this.#path), { recursive: true, mode: DIRECTORY_MODE });
      await this.#replaceProvenance(temporary);
    } catch (error) {
      this.#fail(error);
    }
    await removeAll(temporary);
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
    const temporary = this.#temporary();
    const list = await create(temporary.list);
    try {
      const csv = new Appender(await create(temporary.csv));
      void csv.append(csvHeader);
      return { list: new Appender(list), csv, temporary };
    } catch (error) {
      await list.close();
      await removeAll(temporary);
      throw error;
    }
  }

  #temporary(): Temporary {
    const base = join(dirname(this.#path), `.optimizer-${this.#id}`);
    return { list: `${base}.list`, csv: `${base}.csv`, json: `${base}.json` };
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
    if (!this.#published && isListed && this.#error === undefined) await this.#publish(opened);
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
  async #publish({ temporary }: Opened): Promise<void> {
    try {
      await writeNew(temporary.json, this.#provenance());
      if (this.#target.existing === "replace") {
        await rename(temporary.list, this.#path);
      } else {
        await link(temporary.list, this.#path); // fails where rename would replace
        await unlink(temporary.list);
      }
      this.#published = true;
      await rename(temporary.csv, `${this.#path}.csv`);
      await rename(temporary.json, `${this.#path}.json`);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #replaceProvenance(temporary: Temporary): Promise<void> {
    try {
      await writeNew(temporary.json, this.#provenance());
      await rename(temporary.json, `${this.#path}.json`);
    } catch (error) {
      this.#fail(error);
    }
  }
}

/** Names under which the files begin. */
interface Temporary {
  readonly list: string;
  readonly csv: string;
  readonly json: string;
}

interface Opened {
  readonly list: Appender;
  readonly csv: Appender;
  readonly temporary: Temporary;
}

/** A new file that is surely ours: whatever lies at the name, be it a link, is taken away first. */
async function create(path: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const deadlineMs = performance.now() + DESCRIPTOR_WAIT_MS;
  for (;;) {
    try {
      return await open(path, flags, FILE_MODE);
    } catch (error) {
      const code = errorCode(error);
      if (performance.now() > deadlineMs) throw error;
      if (code === "EEXIST") await unlink(path);
      else if (code === "EMFILE" || code === "ENFILE") await Bun.sleep(DESCRIPTOR_POLL_MS);
      else throw error;
    }
  }
}

/** Makes a file with this text, durable before anything is renamed over. */
async function writeNew(path: string, text: string): Promise<void> {
  const file = await create(path);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}

async function removeAll(paths: Temporary): Promise<void> {
  await Promise.all(Object.values(paths).map((path) => unlink(path).catch(() => {})));
}

/** Makes new names in a folder durable. Not every file system can; then its own pace must do. */
async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    await directory.sync().catch(() => {});
    await directory.close();
  } catch {
    // The folder is gone, and the result with it.
  }
}
