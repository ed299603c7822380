import { NriError } from "../nri/error.ts";
import { version } from "../version.ts";
import { type Command, ExitCode } from "./command.ts";
import { HELD_WORD } from "./held-word.ts";
import { findCommand, UsageError } from "./usage.ts";

/** The commands, loaded when they are asked for. */
const commands: Record<string, () => Promise<Command>> = {
  plugin: async () => (await import("./plugin.ts")).pluginCommand,
  trace: async () => (await import("./trace.ts")).traceCommand,
};

const help = `optimizer ${version}: records which files of a container image a workload opens while it starts

Usage: optimizer COMMAND [FLAGS]

  plugin                 run as an NRI plugin of containerd or CRI-O
  trace -- COMMAND …     run a command and print the files it opens, in order of first access

  --help                 this text, or that of a command
  --version              the version

Started by a container runtime from its plugin folder, it is the plugin without any words.
`;

/** Runs the program and returns its exit code. Never throws: an error is printed once, here. */
export async function run(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  try {
    return await dispatch(words, env);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`optimizer: ${message}\n`);
    const isUsage = error instanceof UsageError || error instanceof NriError;
    return isUsage ? ExitCode.usage : ExitCode.failed;
  }
}

async function dispatch(
  [name, ...rest]: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  if (name === undefined && env["NRI_PLUGIN_SOCKET"] !== undefined) {
    const { runAsPlugin } = await import("./plugin.ts");
    await runAsPlugin({});
    return ExitCode.done;
  }
  if (name === HELD_WORD) return (await import("./held-command.ts")).becomeHeld(rest);
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    process.stdout.write(help);
    return name === undefined ? ExitCode.usage : ExitCode.done;
  }
  if (name === "--version") {
    process.stdout.write(`optimizer ${version}\n`);
    return ExitCode.done;
  }
  const command = await findCommand(name, commands)();
  const own = rest.includes("--") ? rest.slice(0, rest.indexOf("--")) : rest;
  if (own.includes("--help") || own.includes("-h")) {
    process.stdout.write(`${await command.help()}\n`);
    return ExitCode.done;
  }
  return await command.run(rest);
}
