import type { ArgsDef } from "citty";
import { nearest } from "../nearest.ts";

/** Wrong words on the command line. Its message is for the user, with the cure. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The values that a flag was given, in their order: of several citty keeps the last. */
export type FlagValues = (flag: string) => readonly string[];

/**
 * Refuses flags that a command does not have: citty itself passes over them in silence.
 * `rawArgs` end before `--`: what is behind is the traced command's own. One letter is a flag's alias.
 */
export function checkFlags(rawArgs: readonly string[], args: ArgsDef, takesMany: boolean): FlagValues {
  const known = Object.entries(args).filter(([, definition]) => definition.type !== "positional");
  let positionals = takesMany ? Number.POSITIVE_INFINITY : Object.keys(args).length - known.length;
  const names = known.map(([name]) => name);
  const values = new Map<string, string[]>();
  for (const [name, { type }] of known) if (type === "string") values.set(name, []);
  for (let index = 0; index < rawArgs.length; index++) {
    const word = rawArgs[index] ?? "";
    if (!word.startsWith("-") || word === "-") {
      if (positionals-- > 0) continue;
      throw new UsageError(`Unexpected word "${word}"; see --help`);
    }
    const long = longForm(word, args);
    const [, flag = "", value] = /^--?([^=]*)(?:=(.*))?$/s.exec(long) ?? [];
    const name = flag.startsWith("no-") && names.includes(flag.slice(3)) ? flag.slice(3) : flag;
    if (!names.includes(name) || !long.startsWith("--")) throw new UsageError(unknownFlag(word, names));
    const given = values.get(name);
    if (given === undefined) {
      if (value === undefined || value === "true" || value === "false") continue;
      throw new UsageError(`--${name} is either there or not; it takes no value "${value}"`);
    }
    const behind = value ?? rawArgs[++index];
    if (behind === undefined) throw new UsageError(`--${name} needs a value`);
    given.push(behind);
  }
  return (flag) => values.get(flag) ?? [];
}

/** The flag that a single letter stands for, if it is one of the command's. */
function longForm(word: string, args: ArgsDef): string {
  const found = Object.entries(args).find(([, each]) => "alias" in each && word === `-${each.alias}`);
  return found === undefined ? word : `--${found[0]}`;
}

function unknownFlag(word: string, names: readonly string[]): string {
  const near = nearest(word.replace(/^-+/, "").split("=", 1)[0] ?? "", names);
  const cure = near === undefined ? "see --help" : `did you mean --${near}?`;
  return `Unknown flag ${word.split("=", 1)[0]}; ${cure}`;
}

/** Finds a command by its name. Throws UsageError with the nearest known name. */
export function findCommand<T>(name: string, commands: Readonly<Record<string, T>>): T {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command !== undefined) return command;
  const near = nearest(name, Object.keys(commands));
  const cure = near === undefined ? "see --help" : `did you mean "${near}"?`;
  throw new UsageError(`Unknown command "${name}"; ${cure}`);
}
