import { mergeRuns } from "../lists/merge.ts";
import { ExitCode, makeCommand } from "./command.ts";
import { inputFlags, readInputs } from "./list-inputs.ts";
import { listLines, MergeOutput } from "./merge-output.ts";
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
    "refuse-links": {
      type: "boolean",
      description: "Read no list that is a symbolic link, for folders where others can write",
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
    await using output = flags.output === undefined ? undefined : await MergeOutput.open(flags.output);
    const links = flags["refuse-links"] ? "refuse" : "follow";
    const runs = readInputs(flags._, flags["persist-dir"], { least: 1, usage: USAGE, links });
    const merged = mergeRuns(runs, minRuns);
    if (merged.files.length === 0) {
      throw new Error(`Nothing is left: no file was opened in ${minRuns(merged.merged.runs)} runs`);
    }
    if (output === undefined) await writeText(listLines(merged.files), undefined);
    else await output.write(merged);
    return merged.origin.complete === false ? ExitCode.incomplete : ExitCode.done;
  },
});

/** How many of so many runs are enough. Throws UsageError. */
function parseMinRuns(text: string): (all: number) => number {
  const [, number, percent] = /^([1-9]\d{0,8})(%)?$/.exec(text) ?? [];
  const value = Number(number);
  if (number === undefined || (percent !== undefined && value > 100)) {
    throw new UsageError(`--min-runs must be a number of runs or a part such as 60%, not "${text}"`);
  }
  return (all) => (percent === undefined ? value : Math.ceil((all * value) / 100));
}
