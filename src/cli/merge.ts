import { csvHeader } from "../formats/csv.ts";
import { exactRow } from "../formats/csv-table.ts";
import { isListable, listLine } from "../formats/list.ts";
import type { ListedFile } from "../formats/listed-file.ts";
import { toLatin1 } from "../formats/utf8.ts";
import { type MergedRun, mergeRuns } from "../lists/merge.ts";
import { formatMergedRecord } from "../lists/merged-record.ts";
import { version } from "../version.ts";
import { ExitCode, makeCommand } from "./command.ts";
import { inputFlags, readInputs } from "./list-inputs.ts";
import { writeText } from "./text-sink.ts";
import { UsageError } from "./usage.ts";

const USAGE = "optimizer merge NAME|FILE… [-o FILE]";

/** `optimizer merge`: several runs as one list. */
export const mergeCommand = makeCommand({
  name: "merge",
  description: "Make one list out of several runs, first what all of them opened",
  takesMany: true,
  args: {
    output: {
      type: "string",
      alias: "o",
      valueHint: "FILE",
      description: "Write the list there, with its .csv and .json, which later merges need",
    },
    "min-runs": {
      type: "string",
      valueHint: "N|P%",
      description: "Only files that so many of the runs opened",
    },
    ...inputFlags,
  },
  usage: ["NAME|FILE… [FLAGS]"],
  examples: [
    ["optimizer merge run1 run2 run3 -o app", "the lists of three runs, with all that they know"],
    ["optimizer merge run* --min-runs 60% > app", "what most runs opened, as a plain list"],
    ["optimizer merge app run4 -o app", "one run more"],
  ],
  async run(flags) {
    const minRuns = parseMinRuns(flags["min-runs"] ?? "1");
    const merged = mergeRuns(readInputs(flags._, flags["persist-dir"], { least: 1, usage: USAGE }), minRuns);
    if (merged.files.length === 0) {
      throw new Error(`Nothing is left: no file was opened in ${minRuns(merged.merged.runs)} runs`);
    }
    if (flags.output === undefined) writeText(lines(merged.files), undefined);
    else writeResult(merged, flags.output);
    return merged.origin.complete === false ? ExitCode.incomplete : ExitCode.done;
  },
});

/** The record goes last: with it the three belong together again. */
function writeResult(merged: MergedRun, path: string): void {
  if (/\.(?:csv|json)$/.test(path)) {
    throw new UsageError(`${path} would be taken for the companion of another list; choose another name`);
  }
  writeText(lines(merged.files), path);
  writeText(rows(merged.files), `${path}.csv`);
  writeText([toLatin1(formatMergedRecord(merged, version))], `${path}.json`);
}

function* lines(files: readonly ListedFile[]): Generator<string> {
  for (const { path } of files) if (isListable(path)) yield listLine(path);
}

function* rows(files: readonly ListedFile[]): Generator<string> {
  yield csvHeader;
  for (const file of files) yield exactRow(file);
}

/** How many of so many runs are enough. Throws UsageError. */
function parseMinRuns(text: string): (all: number) => number {
  const [, number, percent] = /^([1-9]\d{0,8})(%)?$/.exec(text) ?? [];
  const value = Number(number);
  if (number === undefined || (percent !== undefined && value > 100)) {
    throw new UsageError(`--min-runs must be a number of runs or a part such as 60%, not "${text}"`);
  }
  return (all) => (percent === undefined ? value : Math.ceil((all * value) / 100));
}
