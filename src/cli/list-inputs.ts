import { mergeRuns } from "../lists/merge.ts";
import type { Run } from "../lists/run.ts";
import { findInput, type LinkPolicy } from "../results/find-input.ts";
import { readRun } from "../results/read-run.ts";
import { UsageError } from "./usage.ts";

/** The flag of the commands whose words are names of results or paths of lists. */
export const inputFlags = {
  "persist-dir": {
    type: "string",
    valueHint: "DIR",
    description: "Folder of the results (the configuration's)",
  },
} as const;

/** How lists are read. */
export interface ReadOptions {
  /** How many there must be. */
  readonly least: number;
  /** For the error when there are fewer. */
  readonly usage: string;
  readonly links?: LinkPolicy;
}

/** Reads the lists that a user names. Throws UsageError when there are fewer than `least`. */
export function readInputs(
  words: readonly string[],
  persistDir: string | undefined,
  { least, usage, links = "follow" }: ReadOptions,
): Run[] {
  if (words.length < least) {
    const missing = words.length === 0 ? "Which list?" : "A list is missing;";
    throw new UsageError(`${missing} usage: ${usage}; optimizer list shows the names`);
  }
  return words.map((word) => {
    const run = readRun(findInput(word, persistDir, links));
    for (const reason of run.origin.complete === false ? run.origin.trouble : []) {
      process.stderr.write(`${word} may have holes: ${reason}\n`);
    }
    return run;
  });
}

/** One list, whatever was named. */
export function asOne(runs: readonly Run[]): Run {
  const [only, ...others] = runs;
  return only !== undefined && others.length === 0 ? only : mergeRuns(runs);
}

/** Reads a number of things. Throws UsageError. */
export function parseCount(flag: string, text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`${flag} must be a number from 1, not "${text}"`);
  return Number(text);
}
