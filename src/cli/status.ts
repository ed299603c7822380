import { findRunDir } from "../results/persist-dir.ts";
import { askPlugins } from "../status/ask.ts";
import { print, printJson, stdoutTerminal } from "../sys/terminal.ts";
import { ExitCode, makeCommand } from "./command.ts";
import { formatStatusReport, isHealthy, type StatusReport, statusReportJson } from "./status-text.ts";

/** A plugin that is well answers within 300 ms, whatever else hangs: what is slower than this is stopped. */
const ANSWER_TIMEOUT_MS = 500;

/** `optimizer status`: whether the plugin does its work, by its own word; a probe for pods and monitors. */
export const statusCommand = makeCommand({
  name: "status",
  description: "Ask the running plugin how it is: connected, answering, results, last trace",
  args: {
    "run-dir": {
      type: "string",
      valueHint: "DIR",
      description: "Folder of the plugin's socket (the configuration's, else /run/optimizer)",
    },
    json: { type: "boolean", description: "For programs" },
  },
  examples: [
    ["optimizer status", "exit code 0 when the plugin is well, 1 when it is not or there is none"],
    ["optimizer status --json | jq -r '.plugins[].status.problems[].text'", "what is wrong"],
  ],
  async run(flags) {
    const report = await lookAt(findRunDir(flags["run-dir"]));
    if (flags.json) {
      printJson(statusReportJson(report));
    } else {
      const terminal = stdoutTerminal();
      print(formatStatusReport(report, terminal), terminal);
    }
    return isHealthy(report) ? ExitCode.done : ExitCode.failed;
  },
});

async function lookAt(folder: string): Promise<StatusReport> {
  const answers = await askPlugins(folder, ANSWER_TIMEOUT_MS);
  if (typeof answers === "string") return { answers: [], problems: [answers] };
  // One that was killed is of no interest when another one has taken its place.
  const there = answers.filter(({ kind }) => kind !== "gone");
  if (there.length > 0) return { answers: there, problems: [] };
  if (answers.length > 0) return { answers, problems: [] };
  const cure = "start it, or name its folder with --run-dir; optimizer doctor looks at the whole host";
  return { answers, problems: [`no plugin runs that could be asked in ${folder}: ${cure}`] };
}
