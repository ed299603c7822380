import { printComparison } from "./comparison.ts";
import { floor } from "./floor.ts";
import { plugin } from "./plugin.ts";
import type { Setup } from "./setup.ts";
import { storm } from "./storm.ts";
import { untraced } from "./untraced.ts";

const FILES = 20_000;
const PASSES = 50;
const STRACE_PASSES = 3;
const THREADS = 4;
const SLOWDOWN_MAX = 1.03;

/** The same files again and again: what a tracer costs a workload that goes on. */
export async function printRepeated(setup: Setup): Promise<void> {
  const program = storm(setup.scratch, { files: FILES, threads: THREADS, passes: PASSES });
  await printComparison(
    {
      title: "Repeated opens: 1 000 000 opens of 20 000 files, by four threads",
      program,
      rounds: setup.rounds,
      contestants: [
        { tracer: untraced },
        { tracer: plugin },
        { tracer: floor },
        {
          tracer: setup.strace,
          everyRound: 3,
          program: storm(setup.scratch, { files: FILES, threads: THREADS, passes: STRACE_PASSES }),
        },
        { tracer: setup.fatrace, everyRound: 3 },
      ],
      truth: FILES,
      slowdownMax: SLOWDOWN_MAX,
      steady: true,
      notes: ["strace is let run for 60 000 opens, and its time and CPU are scaled to 1 000 000."],
    },
    setup,
  );
}
