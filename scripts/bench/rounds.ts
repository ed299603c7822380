import type { Program } from "./held.ts";
import type { Scratch } from "./scratch.ts";
import type { Outcome, Tracer } from "./tracer.ts";
import { untraced } from "./untraced.ts";

/** One tracer in a comparison. */
export interface Contestant {
  readonly tracer: Tracer;
  /** Takes part in one of so many rounds: those that take long. */
  readonly everyRound?: number;
  /** Runs this program in place of the common one, of the same kind: for those that take longer still. */
  readonly program?: Program;
}

/** What a tracer did in one round, and what the program did in the same round with nobody watching. */
export interface Pair {
  readonly baseline: Outcome;
  readonly outcome: Outcome;
}

export interface ComparisonOptions {
  readonly program: Program;
  readonly contestants: readonly Contestant[];
  readonly rounds: number;
  readonly scratch: Scratch;
}

/** Lets all take turns, beginning with another one in each round. For each contestant its runs; none when it sees nothing. */
export async function compare({
  program,
  contestants,
  rounds,
  scratch,
}: ComparisonOptions): Promise<Pair[][]> {
  const pairs: Pair[][] = contestants.map(() => []);
  await untraced.watch(program, scratch); // makes the files, and warms the caches
  for (let round = 0; round < rounds; round++) {
    const outcomes = new Map<Contestant, Outcome>();
    let baseline: Outcome | undefined;
    const due = contestants.filter(({ everyRound = 1 }) => round % everyRound === 0);
    for (let turn = 0; turn < due.length; turn++) {
      const contestant = due[(turn + round) % due.length];
      if (contestant === undefined) continue;
      process.stderr.write(`\r\x1b[Kround ${round + 1} of ${rounds}: ${contestant.tracer.name}`);
      const outcome = await contestant.tracer.watch(contestant.program ?? program, scratch);
      if (outcome !== undefined) outcomes.set(contestant, outcome);
      if (contestant.tracer === untraced) baseline = outcome;
    }
    if (baseline === undefined) throw new Error("A comparison needs one round of no tracer in each round");
    for (const [contestant, outcome] of outcomes)
      pairs[contestants.indexOf(contestant)]?.push({ baseline, outcome });
  }
  process.stderr.write("\r\x1b[K");
  return pairs;
}
