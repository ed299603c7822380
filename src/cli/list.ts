import { findResults } from "../results/find-results.ts";
import { listJson } from "../results/json.ts";
import { formatList, UNFILTERED_LEGEND } from "../results/list-table.ts";
import { findPersistDir, resultFlags } from "../results/persist-dir.ts";
import { summarize } from "../results/summary.ts";
import { print, printJson, stdoutTerminal } from "../sys/terminal.ts";
import { ExitCode, makeCommand } from "./command.ts";

/** `optimizer list`: the results in persist_dir as a table. */
export const listCommand = makeCommand({
  name: "list",
  description: "Show the results in persist_dir, one a line",
  args: resultFlags,
  examples: [
    ["optimizer list", "what was recorded on this node"],
    ["optimizer list --json | jq -r '.[] | select(.complete).name'", "the names of those that are complete"],
  ],
  async run(flags) {
    const directory = findPersistDir(flags["persist-dir"]);
    const results = findResults(directory);
    if (flags.json) {
      const all = results.map((result) => listJson(summarize(result), result));
      printJson(all);
    } else if (results.length === 0) {
      process.stderr.write(`No results in ${directory} yet\n`);
    } else {
      const terminal = stdoutTerminal();
      const summaries = results.map(summarize);
      print(formatList(summaries, terminal), terminal);
      if (summaries.some(({ unfiltered }) => unfiltered !== undefined))
        process.stderr.write(`${UNFILTERED_LEGEND}\n`);
    }
    return ExitCode.done;
  },
});
