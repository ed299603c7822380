import { csvHeader } from "../formats/csv.ts";
import { exactRow } from "../formats/csv-table.ts";
import { isListable, listLine } from "../formats/list.ts";
import type { ListedFile } from "../formats/listed-file.ts";
import { refuseLargeRecord } from "../formats/record-size.ts";
import { toLatin1 } from "../formats/utf8.ts";
import type { MergedRun } from "../lists/merge.ts";
import { formatMergedRecord } from "../lists/merged-record.ts";
import { version } from "../version.ts";
import { OutputFile } from "./output-file.ts";
import { writeText } from "./text-sink.ts";
import { UsageError } from "./usage.ts";

const companionEnding = /\.(?:csv|json)$/;

/**
 * Where a merged list goes with its two companions. They lie beside the file that the name leads to: there they belong
 * to the list, whatever links lead to it. What is no regular file has no place beside it, and takes the list alone.
 */
export class MergeOutput implements AsyncDisposable {
  readonly #files: AsyncDisposableStack;
  readonly #list: OutputFile;
  readonly #companions: { readonly csv: OutputFile; readonly json: OutputFile } | undefined;

  private constructor(
    files: AsyncDisposableStack,
    list: OutputFile,
    companions?: { csv: OutputFile; json: OutputFile },
  ) {
    this.#files = files;
    this.#list = list;
    this.#companions = companions;
  }

  /** Makes sure that all three can be written, before the work begins. Rejects with UsageError. */
  static async open(path: string): Promise<MergeOutput> {
    await using files = new AsyncDisposableStack();
    refuseCompanion(path, path);
    const list = files.use(await OutputFile.open(path));
    const { finalPath } = list;
    if (finalPath === undefined) {
      process.stderr.write(`${path} is no regular file: the list goes there alone, without .csv and .json\n`);
      return new MergeOutput(files.move(), list);
    }
    refuseCompanion(path, finalPath);
    const csv = files.use(await OutputFile.open(`${finalPath}.csv`));
    const json = files.use(await OutputFile.open(`${finalPath}.json`));
    return new MergeOutput(files.move(), list, { csv, json });
  }

  /** The record goes last: with it the three belong together again. */
  async write(merged: MergedRun): Promise<void> {
    if (this.#companions === undefined) return await writeText(listLines(merged.files), this.#list);
    const record = toLatin1(formatMergedRecord(merged, version));
    refuseLargeRecord(record.length);
    await writeText(listLines(merged.files), this.#list);
    await writeText(rows(merged.files), this.#companions.csv);
    await writeText([record], this.#companions.json);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#files.disposeAsync();
  }
}

function refuseCompanion(path: string, finalPath: string): void {
  if (!companionEnding.test(finalPath)) return;
  throw new UsageError(`${path} would be taken for the companion of another list; choose another name`);
}

/** The text of a list: what a line can hold. */
export function* listLines(files: readonly ListedFile[]): Generator<string> {
  for (const { path } of files) if (isListable(path)) yield listLine(path);
}

function* rows(files: readonly ListedFile[]): Generator<string> {
  yield csvHeader;
  for (const file of files) yield exactRow(file);
}
