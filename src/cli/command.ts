import { type ArgsDef, defineCommand, type ParsedArgs, renderUsage, runCommand } from "citty";
import { checkFlags } from "./usage.ts";

/** What the process returns; a contract with scripts. */
export const ExitCode = { done: 0, failed: 1, usage: 2, incomplete: 3 } as const;

/** One word of `optimizer WORD …`. */
export interface Command {
  /** The text for `--help`. */
  help(): Promise<string>;
  /** Runs it with the words behind its name. Resolves with the exit code; rejects with what went wrong. */
  run(rawArgs: readonly string[]): Promise<number>;
}

/** How a command is described. */
export interface CommandOptions<T extends ArgsDef> {
  readonly name: string;
  readonly description: string;
  readonly args: T;
  /** `behind` are the words behind `--`. Returns the exit code. */
  readonly run: (flags: ParsedArgs<T>, behind: readonly string[] | undefined) => Promise<number>;
}

/** Makes a command that refuses the flags it does not have. */
export function makeCommand<const T extends ArgsDef>({
  name,
  description,
  args,
  run,
}: CommandOptions<T>): Command {
  let behind: readonly string[] | undefined;
  const definition = defineCommand({
    meta: { name: `optimizer ${name}`, description },
    args,
    run: ({ args: flags }) => run(flags, behind),
  });
  return {
    help: async () => withColours(await renderUsage(definition)),
    async run(rawArgs) {
      // To citty the words behind "--" would be positional ones of ours.
      const separator = rawArgs.indexOf("--");
      const own = separator < 0 ? rawArgs : rawArgs.slice(0, separator);
      behind = separator < 0 ? undefined : rawArgs.slice(separator + 1);
      checkFlags(own, args);
      const { result } = await runCommand(definition, { rawArgs: [...own] });
      return result as number;
    },
  };
}

function withColours(text: string): string {
  const wanted = process.stdout.isTTY && !process.env["NO_COLOR"];
  return wanted ? text : Bun.stripANSI(text);
}
