import { type ArgsDef, defineCommand, type ParsedArgs, runCommand } from "citty";
import { formatHelp, type HelpOptions } from "./help.ts";
import { checkFlags, type FlagValues } from "./usage.ts";

/** What the process returns; a contract with scripts. */
export const ExitCode = { done: 0, failed: 1, usage: 2, incomplete: 3 } as const;

/** One word of `optimizer WORD …`. */
export interface Command {
  readonly description: string;
  /** Its flags, without the dashes. */
  readonly flags: readonly string[];
  /** The text for `--help`. */
  help(): string;
  /** Runs it with the words behind its name. Resolves with the exit code; rejects with what went wrong. */
  run(rawArgs: readonly string[]): Promise<number>;
}

/** How a command is described. */
export interface CommandOptions<T extends ArgsDef> extends Omit<HelpOptions, "args" | "usage" | "examples"> {
  readonly args: T;
  readonly usage?: HelpOptions["usage"];
  readonly examples?: HelpOptions["examples"];
  /** It takes any number of words; they are in `flags._`. */
  readonly takesMany?: boolean;
  /** `behind` are the words behind `--`, `valuesOf` has every value of a flag that may be repeated. Returns the exit code. */
  readonly run: (
    flags: ParsedArgs<T>,
    behind: readonly string[] | undefined,
    valuesOf: FlagValues,
  ) => Promise<number>;
}

/** Makes a command that refuses the flags it does not have. */
export function makeCommand<const T extends ArgsDef>(options: CommandOptions<T>): Command {
  const {
    name,
    description,
    args,
    usage = ["[FLAGS]"],
    examples = [],
    notes = [],
    takesMany = false,
    run,
  } = options;
  let behind: readonly string[] | undefined;
  let valuesOf: FlagValues = () => [];
  const definition = defineCommand({
    meta: { name, description },
    args,
    run: ({ args: flags }) => run(flags, behind, valuesOf),
  });
  return {
    description,
    flags: Object.entries(args).flatMap(([flag, { type }]) => (type === "positional" ? [] : [flag])),
    help: () => formatHelp({ name, description, args, usage, examples, notes }),
    async run(rawArgs) {
      // To citty the words behind "--" would be positional ones of ours.
      const separator = rawArgs.indexOf("--");
      const own = separator < 0 ? rawArgs : rawArgs.slice(0, separator);
      behind = separator < 0 ? undefined : rawArgs.slice(separator + 1);
      valuesOf = checkFlags(own, args, takesMany);
      const { result } = await runCommand(definition, { rawArgs: [...own] });
      return result as number;
    },
  };
}
