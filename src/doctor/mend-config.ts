import TOML from "@iarna/toml";
import { parseConfig } from "../config.ts";
import { parseEvents } from "../nri/events.ts";
import { messageOf } from "../sys/errno.ts";
import { applyEdit, type Edit, editCommand, quote } from "./edit.ts";

/** All that is wrong with the text of the plugin's configuration: parseConfig() and the names of events. */
export function configProblems(text: string): string[] {
  const { values, problems: found } = parseConfig(text);
  const problems = found.map((problem) => problem.text);
  if (values.events === undefined) return problems;
  try {
    parseEvents(values.events);
    return problems;
  } catch (error) {
    const index = text.split("\n").findIndex((line) => /^\s*["']?events["']?\s*=/.test(line));
    const place = index < 0 ? "" : `line ${index + 1}: `;
    return [...problems, `${place}events: ${messageOf(error)}`];
  }
}

/** More is not mended line by line. */
const EDITS_MAX = 20;

/**
 * The commands after which nothing is wrong with the file: a mistyped key is written right, and what is
 * wrong in itself becomes a comment, so that the default stands. Where that cannot be done the file is put aside.
 */
export function mendConfig(path: string, text: string): string[] {
  const commands: string[] = [];
  let mended = text;
  for (let [problem] = configProblems(mended); problem !== undefined; [problem] = configProblems(mended)) {
    const edit = commands.length < EDITS_MAX ? editFor(mended, problem) : undefined;
    if (edit === undefined) return [`mv ${quote(path)} ${quote(`${path}.broken`)}`];
    commands.push(editCommand(path, edit));
    mended = applyEdit(mended, edit);
  }
  return commands;
}

/** The first change that the problem does not survive. */
function editFor(text: string, problem: string): Edit | undefined {
  const line = Number(/^line (\d+):/.exec(problem)?.[1] ?? Number.NaN);
  if (Number.isNaN(line)) return undefined;
  const before = configProblems(text);
  return candidates(text, problem, line).find((edit) => {
    const after = configProblems(applyEdit(text, edit));
    // One less; or, in a text that could not be parsed at all, another one further down.
    return (
      after.length < before.length ||
      (isSyntax(problem) && after[0] !== undefined && isFurther(after[0], line))
    );
  });
}

function candidates(text: string, problem: string, line: number): Edit[] {
  const [, typed, known] = /unknown (?:key|kind) "([^"]+)"; did you mean "([^"]+)"\?$/.exec(problem) ?? [];
  const rename: Edit[] =
    typed === undefined || known === undefined ? [] : [{ kind: "substitute", line, from: typed, to: known }];
  // The parser notices an unfinished text or list on the line behind.
  const firsts = isSyntax(problem) ? [line, line - 1].filter((each) => each > 0) : [line];
  return [
    ...rename,
    ...firsts.map((first): Edit => ({ kind: "comment", first, last: lastLineOf(text, first) })),
  ];
}

/** A list may go over several lines. */
function lastLineOf(text: string, first: number): number {
  const lines = text.split("\n");
  for (let last = first; last <= Math.min(lines.length, first + EDITS_MAX); last++) {
    try {
      TOML.parse(lines.slice(first - 1, last).join("\n"));
      return last;
    } catch {
      // not whole yet
    }
  }
  return first;
}

function isSyntax(problem: string): boolean {
  return problem.includes("not TOML: ");
}

function isFurther(problem: string, line: number): boolean {
  return !isSyntax(problem) || Number(/^line (\d+):/.exec(problem)?.[1] ?? 0) > line;
}
