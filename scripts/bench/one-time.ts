import { printComparison } from "./comparison.ts";
import { floor } from "./floor.ts";
import { plugin } from "./plugin.ts";
import type { Setup } from "./setup.ts";
import { storm } from "./storm.ts";
import { untraced } from "./untraced.ts";

const FILES = 50_000;
const SLOWDOWN_MAX = 1.4;

/** Each file is opened once: what a tracer costs at its worst. */
export async function printOneTime(setup: Setup): Promise<void> {
  for (const threads of [1, 4]) {
    await printComparison(
      {
        title: `One-time opens: 50 000 files once, by ${threads === 1 ? "one thread" : "four threads"}`,
        program: storm(setup.scratch, { files: FILES, threads, passes: 1 }),
        rounds: setup.rounds,
        contestants: [
          { tracer: untraced },
          { tracer: plugin },
          { tracer: floor },
          { tracer: setup.strace, everyRound: 3 },
          { tracer: setup.fatrace, everyRound: 3 },
        ],
        truth: FILES,
        slowdownMax: SLOWDOWN_MAX,
      },
      setup,
    );
  }
}
