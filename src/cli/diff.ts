import { diffLists } from "../lists/diff.ts";
import { print, printJson, stdoutTerminal } from "../sys/terminal.ts";
import { ExitCode, makeCommand } from "./command.ts";
import { differenceJson, formatDifference } from "./diff-text.ts";
import { inputFlags, readInputs } from "./list-inputs.ts";
import { UsageError } from "./usage.ts";

const USAGE = "optimizer diff A B";

/** `optimizer diff`: what two lists have in common, and what the one would be worth for the other. */
export const diffCommand = makeCommand({
  name: "diff",
  description: "Compare two lists, and tell what the first would be worth for a run like the second",
  takesMany: true,
  args: {
    all: { type: "boolean", description: "Name all files that only one of them has" },
    ...inputFlags,
    json: { type: "boolean", description: "For programs" },
  },
  usage: ["A B [FLAGS]"],
  examples: [
    ["optimizer diff old new", "whether the old list still fits"],
    ["optimizer diff app run5 --json | jq .hitRate.bytes", "the part of a run that the list has"],
  ],
  async run(flags) {
    const [a, b, ...more] = readInputs(flags._, flags["persist-dir"], { least: 2, usage: USAGE });
    if (a === undefined || b === undefined || more.length > 0) throw new UsageError(`Usage: ${USAGE}`);
    const difference = diffLists(a.files, b.files);
    if (flags.json) {
      printJson(differenceJson(difference));
    } else {
      const terminal = stdoutTerminal();
      print(formatDifference(difference, flags.all ?? false, terminal), terminal);
    }
    return ExitCode.done;
  },
});
