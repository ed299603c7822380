/** Runs that may have missed files, all for the same reasons. */
export interface IncompleteRuns {
  readonly runs: number;
  /** Sorted. Empty when nothing tells. */
  readonly reasons: readonly string[];
}

/** Of several runs, which have all that was opened. Of the rest, neither complete nor incomplete, nothing is known. */
export interface Completeness {
  readonly complete: number;
  /** The most frequent reasons first. */
  readonly incomplete: readonly IncompleteRuns[];
}

/** So many sets of reasons are told apart; each has so many reasons, of so many characters. */
const SETS_MAX = 32;
const REASONS_MAX = 32;
const REASON_CHARS_MAX = 300;
const OTHER_REASONS: readonly string[] = ["other reasons"];

/** What is known of one run. */
export function ofOneRun(complete: boolean | undefined, reasons: readonly string[]): Completeness {
  if (complete === true) return { complete: 1, incomplete: [] };
  const isKnown = complete === false || reasons.length > 0;
  return { complete: 0, incomplete: isKnown ? [{ runs: 1, reasons: bounded(reasons) }] : [] };
}

/** Of all runs together. Their order does not matter, nor how they are grouped, up to the limit of sets of reasons. */
export function addUp(parts: readonly Completeness[]): Completeness {
  const sets = new Map<string, { runs: number; readonly reasons: readonly string[] }>();
  for (const { runs, reasons: given } of parts.flatMap(({ incomplete }) => incomplete)) {
    const reasons = bounded(given);
    const key = JSON.stringify(reasons);
    const known = sets.get(key);
    if (known === undefined) sets.set(key, { runs, reasons });
    else known.runs += runs;
  }
  const sorted = [...sets].sort(
    ([a, { runs: runsA }], [b, { runs: runsB }]) => runsB - runsA || (a < b ? -1 : 1),
  );
  const incomplete = sorted.map(([, set]) => set);
  const complete = parts.reduce((sum, part) => sum + part.complete, 0);
  if (incomplete.length <= SETS_MAX) return { complete, incomplete };
  const [kept, folded] = [incomplete.slice(0, SETS_MAX - 1), incomplete.slice(SETS_MAX - 1)];
  return addUp([{ complete, incomplete: [...kept, { runs: countRuns(folded), reasons: OTHER_REASONS }] }]);
}

/**
 * Whether a list of several runs has all that it is to have: `wanted` runs, those that must have opened a file of it,
 * were complete. More runs, though they may have missed files, take nothing away from it. Undefined when nothing tells.
 */
export function isListComplete({ complete, incomplete }: Completeness, wanted: number): boolean | undefined {
  if (complete >= Math.max(1, wanted)) return true;
  return incomplete.length > 0 ? false : undefined;
}

/** How many runs may have missed files. */
export function countRuns(incomplete: readonly IncompleteRuns[]): number {
  return incomplete.reduce((sum, { runs }) => sum + runs, 0);
}

/** All reasons, each once. */
export function reasonsOf({ incomplete }: Pick<Completeness, "incomplete">): string[] {
  return [...new Set(incomplete.flatMap(({ reasons }) => reasons))].sort();
}

function bounded(reasons: readonly string[]): readonly string[] {
  const short = reasons.map((reason) => reason.slice(0, REASON_CHARS_MAX));
  return [...new Set(short)].sort().slice(0, REASONS_MAX);
}
