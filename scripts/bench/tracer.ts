import type { Pass, Program } from "./held.ts";
import type { Scratch } from "./scratch.ts";

/** What became of a program while something watched it. */
export interface Outcome {
  readonly passes: readonly Pass[];
  /** CPU time of the watcher in milliseconds, until its result was there. */
  readonly cpuMs?: number;
  /** The files that it tells of, or, where it keeps none, how many events it counted. */
  readonly found?: ReadonlySet<string> | number;
}

/** Something that watches a program from before its go to its end, or nothing at all. */
export interface Tracer {
  readonly name: string;
  /** Runs a program once. Undefined when it cannot see it. */
  watch(program: Program, scratch: Scratch): Promise<Outcome | undefined>;
}
