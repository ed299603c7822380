import { readDetail } from "../results/detail.ts";
import { formatDetail } from "../results/detail-text.ts";
import { findName } from "../results/find-name.ts";
import { findResults } from "../results/find-results.ts";
import { detailJson } from "../results/json.ts";
import { findPersistDir, resultFlags } from "../results/persist-dir.ts";
import { readRecord } from "../results/summary.ts";
import { print, printJson, stdoutTerminal } from "../sys/terminal.ts";
import { ExitCode, makeCommand } from "./command.ts";
import { UsageError } from "./usage.ts";

/** `optimizer show NAME`: one result in detail. */
export const showCommand = makeCommand({
  name: "show",
  description: "Show one result in detail: how it came about, its largest files, its layers",
  args: {
    // Not required: citty would print its own complaint.
    name: { type: "positional", required: false, description: "The image, in any form of its name" },
    ...resultFlags,
  },
  usage: ["NAME [FLAGS]"],
  examples: [
    ["optimizer show nginx", "the list of docker.io/library/nginx:latest"],
    ["optimizer show ghcr.io/org/app:1 --json | jq .record.trouble", "why it is not complete"],
  ],
  async run(flags) {
    if (!flags.name)
      throw new UsageError("Show what? usage: optimizer show NAME; optimizer list shows the names");
    const results = findResults(findPersistDir(flags["persist-dir"]));
    const result = findName(flags.name, results, readRecord);
    const detail = readDetail(result);
    if (flags.json) {
      printJson(detailJson(detail, result));
    } else {
      const terminal = stdoutTerminal();
      print(formatDetail(detail, terminal), terminal);
    }
    return ExitCode.done;
  },
});
