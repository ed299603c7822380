import { NriError } from "../nri/error.ts";
import { messageOf } from "../sys/errno.ts";
import { version, versionText } from "../version.ts";
import { type Command, ExitCode } from "./command.ts";
import { HELD_WORD } from "./held-word.ts";
import { columns } from "./help.ts";
import { PluginSignals } from "./plugin-signals.ts";
import { findCommand, UsageError } from "./usage.ts";

/** The commands, loaded when they are asked for. */
const commands: Record<string, () => Promise<Command>> = {
  plugin: async () => (await import("./plugin.ts")).makePluginCommand(),
  trace: async () => (await import("./trace.ts")).traceCommand,
  list: async () => (await import("./list.ts")).listCommand,
  show: async () => (await import("./show.ts")).showCommand,
  export: async () => (await import("./export.ts")).exportCommand,
  merge: async () => (await import("./merge.ts")).mergeCommand,
  diff: async () => (await import("./diff.ts")).diffCommand,
  status: async () => (await import("./status.ts")).statusCommand,
  doctor: async () => (await import("./doctor.ts")).doctorCommand,
  completions: async () => (await import("./completions.ts")).completionsCommand(commands),
};

const examples = `Examples:
  # what a command opens, in order of first access
  optimizer trace -- nginx -t
  # what a running container opens from now on, for half a minute
  optimizer trace web --timeout 30s
  # what was recorded, for nydusify
  optimizer export nginx --format nydus
  # whether this host has all that is needed, and what to do if not
  optimizer doctor
`;

/** The text for `--help`. Commands describe themselves. */
async function helpText(): Promise<string> {
  const loaded = Object.entries(commands).map(
    async ([name, load]) => [name, (await load()).description] as const,
  );
  return `optimizer ${version}: records which files of a container image a workload opens

Usage: optimizer COMMAND [FLAGS]

${columns(await Promise.all(loaded))}

${columns([
  ["COMMAND --help", "What a command does, its flags, and examples"],
  ["--version", "The version, and what it was built with"],
])}

Started by a container runtime from its plugin folder, it is the NRI plugin.

${examples}`;
}

/** Runs the program and returns its exit code. Never throws: an error is printed once, here. */
export async function run(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  try {
    return await dispatch(words, env);
  } catch (error) {
    process.stderr.write(`optimizer: ${messageOf(error)}\n`);
    const isUsage = error instanceof UsageError || error instanceof NriError;
    return isUsage ? ExitCode.usage : ExitCode.failed;
  }
}

async function dispatch(
  [name, ...rest]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  if (name === undefined && env["NRI_PLUGIN_SOCKET"] !== undefined) {
    const signals = await startAsPlugin();
    const { runAsPlugin } = await import("./plugin.ts");
    await runAsPlugin({}, signals);
    return ExitCode.done;
  }
  if (name === HELD_WORD) return (await import("./held-command.ts")).becomeHeld(rest);
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(await helpText());
    return name === undefined ? ExitCode.usage : ExitCode.done;
  }
  if (name === "--version") {
    process.stdout.write(`${versionText()}\n`);
    return ExitCode.done;
  }
  const own = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
  const asksForHelp = own.includes("--help") || own.includes("-h");
  if (name === "plugin" && !asksForHelp) {
    const signals = await startAsPlugin();
    return await (await import("./plugin.ts")).makePluginCommand(signals).run(rest);
  }
  const command = await findCommand(name, commands)();
  if (asksForHelp) {
    process.stdout.write(command.help());
    return ExitCode.done;
  }
  return await command.run(rest);
}

/** What a plugin does first: hears signals, and gives up what it does not need, which starts the program anew. */
async function startAsPlugin(): Promise<PluginSignals> {
  const signals = new PluginSignals();
  await (await import("./least.ts")).becomeLeast(signals);
  return signals;
}
