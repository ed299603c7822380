import { diagnose } from "../doctor/diagnose.ts";
import { isHealthy } from "../doctor/finding.ts";
import { gatherFacts } from "../doctor/gather.ts";
import { formatReport, reportJson } from "../doctor/report.ts";
import { print, printJson, stdoutTerminal } from "../sys/terminal.ts";
import { ExitCode, makeCommand } from "./command.ts";

/** `optimizer doctor`: whether this host has all that is needed, and what to do where it has not. */
export const doctorCommand = makeCommand({
  name: "doctor",
  description: "Check this host for all that is needed, and tell what mends it",
  args: {
    "persist-dir": { type: "string", valueHint: "DIR", description: "Folder of the results to check" },
    config: { type: "string", valueHint: "FILE", description: "Configuration of the plugin to check" },
    "containerd-config": {
      type: "string",
      valueHint: "FILE",
      description: "The containerd to check, by the file it is started with; else all that run",
    },
    "run-dir": { type: "string", valueHint: "DIR", description: "Folder of the sockets of running plugins" },
    json: { type: "boolean", description: "For programs" },
  },
  examples: [
    ["optimizer doctor", "exit code 1 when something is missing"],
    ["optimizer doctor --json | jq -r '.findings[].commands[]'", "the commands that mend it"],
  ],
  async run(flags) {
    const findings = diagnose(
      await gatherFacts({
        persistDir: flags["persist-dir"],
        config: flags.config,
        containerdConfig: flags["containerd-config"],
        runDir: flags["run-dir"],
      }),
    );
    if (flags.json) {
      printJson(reportJson(findings));
    } else {
      const terminal = stdoutTerminal();
      print(formatReport(findings, terminal), terminal);
    }
    return isHealthy(findings) ? ExitCode.done : ExitCode.failed;
  },
});
