import { type Counts, type EndReason, isOnlySuperseded } from "../formats/provenance.ts";
import type { Written } from "../record/result-files.ts";

/** Why a container was not traced: it is not to be; a list of that name is kept; it could not. */
export type NotTraced = "not_selected" | "kept" | "failed";

/** What became of a run that was to be merged into a list: of all that were merged at once. */
export type MergeOutcome = "done" | "failed";

/** A trace that has ended, as far as a status tells of it. */
export interface LastTrace {
  /** Of the result. */
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly endedAtMs: number;
  readonly files: number;
  readonly complete: boolean;
  readonly reason: EndReason;
}

/** What went wrong for one container after the other, since the last one for which it did not. */
export interface FailuresInARow {
  /** Of different results: one container that is started again and again counts once. */
  readonly count: number;
  /** Of the latest. */
  readonly why: string;
  /** When that was, milliseconds since the epoch. */
  readonly atMs: number;
}

/** What tracing has done since the program began; plain data, that travels between threads. */
export interface TracingCounts {
  /** Containers whose start was told. */
  readonly started: number;
  /** Those that ran already included. */
  readonly traced: number;
  /** Of the traced ones those that ran already. */
  readonly joined: number;
  readonly notTraced: Readonly<Record<NotTraced, number>>;
  /** Of the traced ones those that could not tell files of the image from others, though they were to. */
  readonly unfiltered: number;
  /** Traces that are under way. */
  readonly running: number;
  readonly ended: Readonly<Record<EndReason, number>>;
  /** Of those that ended, those whose list may have holes and stays. */
  readonly incomplete: number;
  /** Of all traces, those under way included. */
  readonly files: number;
  readonly bytes: number;
  readonly events: number;
  readonly lost: number;
  readonly overflows: number;
  /** Repeated events that were dropped before they reached a trace. */
  readonly repeats: number;
  /** The most events that ever waited in the kernel's queue. */
  readonly queuePeak: number;
  readonly merges: Readonly<Record<MergeOutcome, number>>;
  readonly lastTrace: LastTrace | undefined;
  /** Containers that could not be traced. */
  readonly failuresInARow: FailuresInARow;
  /** Traces whose result could not be written. */
  readonly unwrittenInARow: FailuresInARow;
}

/** What is known of a trace when it has ended. */
interface EndedTrace {
  /** Of the result. */
  readonly name: string;
  readonly reason: EndReason;
  readonly complete: boolean;
  readonly trouble: readonly string[];
  readonly written: Written;
  readonly counts: Counts;
  readonly queuePeak: number;
}

/** What a snapshot has to be told. */
interface Now {
  /** Of the traces under way. */
  readonly running: readonly Counts[];
  readonly repeats: number;
  readonly queuePeak: number;
}

/** More names are as good as these. */
const NAMES_MAX = 100;

/** Counts what goes wrong in a row. */
class Streak {
  readonly #names = new Set<string>();
  #why = "";
  #atMs = 0;

  add(name: string, why: string): void {
    if (this.#names.size < NAMES_MAX) this.#names.add(name);
    this.#why = why;
    this.#atMs = Date.now();
  }

  end(): void {
    this.#names.clear();
  }

  snapshot(): FailuresInARow {
    return { count: this.#names.size, why: this.#why, atMs: this.#atMs };
  }
}

/** Counts what tracing does. */
export class TracingCounters {
  #started = 0;
  #traced = 0;
  #joined = 0;
  #unfiltered = 0;
  #incomplete = 0;
  #queuePeak = 0;
  readonly #notTraced = { not_selected: 0, kept: 0, failed: 0 } satisfies Record<NotTraced, number>;
  readonly #merges = { done: 0, failed: 0 } satisfies Record<MergeOutcome, number>;
  readonly #ended: Record<EndReason, number> = {
    "container stopped": 0,
    timeout: 0,
    "connection lost": 0,
    terminated: 0,
    superseded: 0,
    interrupted: 0,
    failed: 0,
  };
  #lastTrace: LastTrace | undefined;
  readonly #failures = new Streak();
  readonly #unwritten = new Streak();
  readonly #sums = { files: 0, bytes: 0, events: 0, lost: 0, overflows: 0 };

  started(): void {
    this.#started++;
  }

  traced(): void {
    this.#traced++;
    this.#failures.end();
  }

  joined(): void {
    this.#joined++;
  }

  unfiltered(): void {
    this.#unfiltered++;
  }

  notTraced(why: Exclude<NotTraced, "failed">): void {
    this.#notTraced[why]++;
  }

  /** A container could not be traced, whose result would have had that name; `why` is for people. */
  failed(name: string, why: string): void {
    this.#notTraced.failed++;
    this.#failures.add(name, why);
  }

  merged(outcome: MergeOutcome): void {
    this.#merges[outcome]++;
  }

  ended({ name, reason, complete, trouble, written, counts, queuePeak }: EndedTrace): void {
    if (written !== "nothing") this.#unwritten.end();
    else if (counts.listed > 0) this.#unwritten.add(name, trouble[0] ?? "nobody knows why");
    this.#lastTrace = { name, endedAtMs: Date.now(), files: counts.listed, complete, reason };
    this.#ended[reason]++;
    if (!complete && !isOnlySuperseded({ reason, trouble })) this.#incomplete++;
    this.#queuePeak = Math.max(this.#queuePeak, queuePeak);
    add(this.#sums, counts);
  }

  snapshot({ running, repeats, queuePeak }: Now): TracingCounts {
    const sums = { ...this.#sums };
    for (const counts of running) add(sums, counts);
    return {
      started: this.#started,
      traced: this.#traced,
      joined: this.#joined,
      unfiltered: this.#unfiltered,
      notTraced: { ...this.#notTraced },
      running: running.length,
      ended: { ...this.#ended },
      incomplete: this.#incomplete,
      ...sums,
      repeats,
      queuePeak: Math.max(this.#queuePeak, queuePeak),
      merges: { ...this.#merges },
      lastTrace: this.#lastTrace,
      failuresInARow: this.#failures.snapshot(),
      unwrittenInARow: this.#unwritten.snapshot(),
    };
  }
}

type Sums = Record<"files" | "bytes" | "events" | "lost" | "overflows", number>;

function add(sums: Sums, { listed, listedBytes, events, lost, overflows }: Counts): void {
  sums.files += listed;
  sums.bytes += listedBytes;
  sums.events += events;
  sums.lost += lost;
  sums.overflows += overflows;
}
