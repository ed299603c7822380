import type { ParsedArgs } from "citty";
import { findContainer } from "../find/find.ts";
import { waitForContainer } from "../find/wait.ts";
import { ExitCode, makeCommand } from "./command.ts";
import { commandEnvironment } from "./command-environment.ts";
import { parseDuration } from "./duration.ts";
import { OutputFile } from "./output-file.ts";
import { writeText } from "./text-sink.ts";
import { formatReport, formatSummary, type ReportFormat } from "./trace-report.ts";
import { runTrace, type TraceRun } from "./trace-run.ts";
import type { TargetOptions } from "./trace-target.ts";
import { UsageError } from "./usage.ts";

const args = {
  container: { type: "positional", required: false, description: "Container: id, start of an id, or name" },
  pid: { type: "string", valueHint: "PID", description: "Trace the container, or the process, of this pid" },
  rootfs: {
    type: "string",
    valueHint: "DIR",
    description: "Run the command in this root file system, which stays as it is",
  },
  env: {
    type: "string",
    valueHint: "NAME[=VALUE]",
    description: "Set a variable of the command's environment, or hand on your own; may be repeated",
  },
  "env-from-host": {
    type: "boolean",
    description:
      "With --rootfs: hand on your whole environment; by default the command has PATH and HOME alone",
  },
  wait: { type: "boolean", description: "Wait until a container of that name or image starts" },
  timeout: { type: "string", valueHint: "TIME", description: "Stop after so long: 30s, 500ms, 2m" },
  settle: { type: "string", valueHint: "TIME", description: "Stop when no new file was opened for so long" },
  "until-line": {
    type: "string",
    valueHint: "TEXT",
    description: "Stop when the command prints a line with this text",
  },
  output: {
    type: "string",
    alias: "o",
    valueHint: "FILE",
    description: "Write the list to this file, one path a line",
  },
  list: { type: "boolean", description: "One path a line, as image builders take it" },
  csv: { type: "boolean", description: "path,size,elapsed: bytes and microseconds" },
  json: { type: "boolean", description: "Everything there is to know, for programs" },
  "runtime-files": { type: "boolean", description: "List files that the workload made itself, too" },
  quiet: { type: "boolean", description: "No live line and no summary" },
} as const;

type Flags = ParsedArgs<typeof args>;

/** `optimizer trace`: what a container, a process or a command opens, in order of first access. */
export const traceCommand = makeCommand({
  name: "trace",
  description: "Record which files a container, a process or a command opens, in order of first access",
  args,
  usage: ["[FLAGS] CONTAINER", "[FLAGS] --pid PID", "[FLAGS] -- COMMAND [ARG…]"],
  examples: [
    ["optimizer trace web", "the running container named web, until it ends or Ctrl-C"],
    ["optimizer trace --settle 5s --output list web", "until no new file came for 5 seconds; for a builder"],
    ["optimizer trace --wait nginx:1.27", "the next container of an image, from its first process on"],
    ["optimizer trace -- python3 app.py", "a command on this machine"],
    ["optimizer trace --rootfs ./rootfs -- nginx -t", "a command in an unpacked image, which stays as it is"],
  ],
  async run(flags, command, valuesOf) {
    const format = reportFormat(flags);
    await using output = await OutputFile.openIfNamed(flags.output);
    const target = await findTarget(flags, command, valuesOf("env"));
    const run = await runTrace({
      target,
      timeoutMs: flags.timeout === undefined ? undefined : parseDuration("--timeout", flags.timeout),
      settleMs: flags.settle === undefined ? undefined : parseDuration("--settle", flags.settle),
      untilLine: flags["until-line"],
      runtimeFiles: flags["runtime-files"] ?? false,
      quiet: flags.quiet ?? false,
    });
    const text = formatReport(run.report, format ?? (output === undefined ? "table" : "list"));
    await writeText([text], output);
    if (!flags.quiet) process.stderr.write(formatSummary(run.report));
    return exitCode(run);
  },
});

async function findTarget(
  flags: Flags,
  command: readonly string[] | undefined,
  env: readonly string[],
): Promise<TargetOptions> {
  const { container, pid, rootfs } = flags;
  const given = [command, pid, container].filter((each) => each !== undefined).length;
  if (given !== 1 || command?.length === 0) {
    const cure = "name one of: CONTAINER, --pid PID, -- COMMAND [ARG…]";
    throw new UsageError(`${given > 1 ? "More than one thing" : "Nothing"} to trace; ${cure}`);
  }
  if (container === undefined && flags.wait) throw new UsageError("--wait goes with the name of a container");
  if (command === undefined && (rootfs !== undefined || flags["until-line"] !== undefined)) {
    throw new UsageError("--rootfs and --until-line go with a command; put it behind --");
  }
  if (rootfs === "") {
    const cure = "name a folder, or leave the flag out to run the command on this machine";
    throw new UsageError(`--rootfs is empty, as an unset variable is; ${cure}`);
  }
  const fromHost = flags["env-from-host"] ?? false;
  if (command === undefined && (env.length > 0 || fromHost)) {
    throw new UsageError("--env and --env-from-host go with a command; put it behind --");
  }
  if (command !== undefined) {
    const environment = commandEnvironment({ rootfs, env, fromHost });
    return { kind: "command", command, rootfs, environment, piped: flags["until-line"] !== undefined };
  }
  if (pid !== undefined) return { kind: "process", pid: parsePid(pid), name: `process ${pid}` };
  return await findProcess(container ?? "", flags.wait ?? false);
}

async function findProcess(query: string, wait: boolean): Promise<TargetOptions> {
  if (!wait) {
    const { pid, id, name } = await findContainer(query);
    return { kind: "container", pid, name: name || id };
  }
  const interrupt = new AbortController();
  const onInterrupt = (): void => interrupt.abort(new Error("Interrupted while waiting"));
  process.once("SIGINT", onInterrupt);
  try {
    const onLook = (): void => void process.stderr.write(`Waiting for a container "${query}" to start\n`);
    const { pid, id, name } = await waitForContainer(query, { signal: interrupt.signal, onLook });
    return { kind: "container", pid, name: name || id };
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}

function parsePid(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text))
    throw new UsageError(`--pid must be the number of a process, not "${text}"`);
  return Number(text);
}

function reportFormat(flags: Flags): ReportFormat | undefined {
  const formats = (["list", "csv", "json"] as const).filter((format) => flags[format]);
  if (formats.length > 1)
    throw new UsageError(`Only one of ${formats.map((each) => `--${each}`).join(" and ")}`);
  return formats[0];
}

/** The command's own code; 3 when that is 0 and the list has holes. */
function exitCode({ report, exitCode: own }: TraceRun): number {
  return own === 0 && report.trouble.length > 0 ? ExitCode.incomplete : own;
}
