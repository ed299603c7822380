import { random } from "../helpers/random.ts";
import { mutate } from "./mutate.ts";

/** Code that takes bytes from somebody it cannot trust. */
export interface Target {
  readonly name: string;
  /** Valid inputs, and others that are worth a look. */
  readonly seeds: readonly Uint8Array[];
  /** Pieces that mean something in such inputs. */
  readonly words?: readonly Uint8Array[];
  /**
   * Tries one input, and throws where something that must hold does not. Returns how it came out, in one of few words:
   * an input that comes out anew is mutated further. `next` is the same for the same input and case.
   */
  run(input: Uint8Array, next: () => number): string | Promise<string>;
  /** As many as a test run tries: about a second's worth. */
  readonly inputsInTests: number;
}

/** An input that something did not hold for. */
export interface Failure {
  readonly message: string;
  /** Brings it back: `run(input, random(seed))`. */
  readonly seed: number;
  readonly input: Uint8Array;
}

/** What came of fuzzing one target. */
export interface FuzzResult {
  readonly inputs: number;
  readonly elapsedMs: number;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly failures: readonly Failure[];
}

export interface FuzzOptions {
  readonly seed: number;
  /** Tells whether to go on; asked before each input. */
  readonly more: (inputs: number) => boolean;
}

/** An input may take so long. What is slower is tried again: the machine may have been busy. */
const INPUT_MS_MAX = 300;
const TRIES = 3;
const FAILURES_MAX = 5;
const CORPUS_MAX = 2000;
/** Over what there was at the start: the inputs themselves are small. */
const MEMORY_GROWTH_MAX = 512 << 20;
const MEMORY_CHECK_EVERY = 512;

/** Mutates the seeds, and what came out anew, until there is no more time. Each kind of failure is told once. */
export async function fuzz(target: Target, { seed, more }: FuzzOptions): Promise<FuzzResult> {
  const next = random(seed);
  const corpus = [...target.seeds];
  const outcomes = new Map<string, number>();
  const failures = new Map<string, Failure>();
  const startedMs = performance.now();
  const memoryBefore = process.memoryUsage.rss();
  let inputs = 0;
  for (; more(inputs) && failures.size < FAILURES_MAX; inputs++) {
    const input = target.seeds[inputs] ?? mutate({ corpus, words: target.words ?? [], next });
    const caseSeed = Math.floor(next() * 2 ** 31);
    const message = await attempt(target, input, caseSeed, (outcome) => {
      const count = outcomes.get(outcome) ?? 0;
      outcomes.set(outcome, count + 1);
      if (count === 0 && corpus.length < CORPUS_MAX) corpus.push(input);
    });
    if (message !== undefined && !failures.has(kindOf(message))) {
      const small = await minimise(target, input, caseSeed, kindOf(message));
      failures.set(kindOf(message), { message, seed: caseSeed, input: small });
    }
    if (inputs % MEMORY_CHECK_EVERY === 0) checkMemory(memoryBefore, failures, input, caseSeed);
  }
  const elapsedMs = performance.now() - startedMs;
  return { inputs, elapsedMs, outcomes, failures: [...failures.values()] };
}

/** What did not hold, or undefined. */
async function attempt(
  target: Target,
  input: Uint8Array,
  seed: number,
  onOutcome: (outcome: string) => void = () => {},
): Promise<string | undefined> {
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let tries = 0; tries < TRIES && fastestMs > INPUT_MS_MAX; tries++) {
    const startedMs = performance.now();
    try {
      const outcome = target.run(input.slice(), random(seed));
      const settled = typeof outcome === "string" ? outcome : await outcome;
      if (tries === 0) onOutcome(settled);
    } catch (error) {
      return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
    fastestMs = Math.min(fastestMs, performance.now() - startedMs);
  }
  if (fastestMs <= INPUT_MS_MAX) return undefined;
  return `Slow: ${Math.round(fastestMs)} ms for ${input.byteLength} bytes`;
}

/** Failures that differ in numbers or in quoted input alone are one kind. */
function kindOf(message: string): string {
  const [line = ""] = message.split("\n");
  return line.replaceAll(/"[^"]*"|\d+/g, "…").slice(0, 80);
}

function checkMemory(before: number, failures: Map<string, Failure>, input: Uint8Array, seed: number): void {
  if (process.memoryUsage.rss() - before < MEMORY_GROWTH_MAX) return;
  Bun.gc(true);
  const grown = process.memoryUsage.rss() - before;
  if (grown < MEMORY_GROWTH_MAX) return;
  // Of the inputs up to here; the last one need not be the one to blame.
  failures.set("memory", { message: `Memory grew by ${grown >> 20} MiB`, seed, input });
}

const MINIMISE_MS = 5000;

/** Drops and simplifies what the failure does not need, as far as that goes in a few seconds. */
async function minimise(target: Target, input: Uint8Array, seed: number, kind: string): Promise<Uint8Array> {
  const deadlineMs = performance.now() + MINIMISE_MS;
  const fails = async (candidate: Uint8Array): Promise<boolean> => {
    const message = await attempt(target, candidate, seed);
    return message !== undefined && kindOf(message) === kind;
  };
  let best = input;
  for (let length = best.byteLength >> 1; length >= 1; length >>= 1) {
    for (let at = 0; at < best.byteLength && performance.now() < deadlineMs; ) {
      const shorter = new Uint8Array(Buffer.concat([best.subarray(0, at), best.subarray(at + length)]));
      if (await fails(shorter)) best = shorter;
      else at += length;
    }
  }
  for (let at = 0; at < best.byteLength && performance.now() < deadlineMs; at++) {
    if (best[at] === 0) continue;
    const simpler = best.slice();
    simpler[at] = 0;
    if (await fails(simpler)) best = simpler;
  }
  return best;
}
