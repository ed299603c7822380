import type { Log } from "./log.ts";

/** How much a line matters. */
export type Severity = keyof Log;

/** One line of the log, without its end. */
export interface LogLine {
  readonly severity: Severity;
  readonly text: string;
}

/** A kind of line within a minute. */
interface Window {
  readonly endsAtMs: number;
  passed: number;
  heldBack: number;
  /** The first line that was held back. */
  example: LogLine | undefined;
}

const WINDOW_MS = 60_000;
/** Of one kind and minute. Each trace that ends has a line; a trouble that ten lines do not tell no hundred will. */
const LINES_MAX: Readonly<Record<Severity, number>> = { info: 300, warn: 10, error: 10 };
/** More kinds than this are the work of names that are made to differ: they count as one. */
const KINDS_MAX = 200;

/**
 * Keeps a trouble that thousands of containers have from flooding the log: of each kind of line only so many a minute
 * pass, and then one tells how many more there were. Pure: the caller has the clock, and writes.
 */
export class LogLimit {
  /** In the order of their ends. */
  readonly #windows = new Map<string, Window>();
  #heldBack = 0;

  /** How many lines were held back in all. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** When there is something to tell by flush(), on the clock of the caller. */
  get dueAtMs(): number | undefined {
    for (const { heldBack, endsAtMs } of this.#windows.values()) if (heldBack > 0) return endsAtMs;
    return undefined;
  }

  /** Takes a line, and returns what is to be written now. */
  push(line: LogLine, nowMs: number): LogLine[] {
    const due = this.flush(nowMs);
    const window = this.#windowOf(line, nowMs);
    if (window.passed < LINES_MAX[line.severity]) {
      window.passed++;
      return [...due, line];
    }
    window.heldBack++;
    window.example ??= line;
    this.#heldBack++;
    return due;
  }

  /** What is to be told of the minutes that were over at `nowMs`; Infinity tells all. */
  flush(nowMs: number): LogLine[] {
    const lines: LogLine[] = [];
    for (const [kind, { endsAtMs, heldBack, example }] of this.#windows) {
      if (endsAtMs > nowMs) break;
      this.#windows.delete(kind);
      if (example === undefined) continue;
      const text = `and ${heldBack} more like it in the last minute, the first of them: ${example.text}`;
      lines.push({ severity: example.severity, text });
    }
    return lines;
  }

  #windowOf(line: LogLine, nowMs: number): Window {
    const own = kindOf(line);
    const kind = this.#windows.has(own) || this.#windows.size < KINDS_MAX ? own : line.severity;
    const standing = this.#windows.get(kind);
    if (standing !== undefined) return standing;
    const window = { endsAtMs: nowMs + WINDOW_MS, passed: 0, heldBack: 0, example: undefined };
    this.#windows.set(kind, window);
    return window;
  }
}

/** The line without what differs from container to container: its label, quoted names, paths, numbers. */
function kindOf({ severity, text }: LogLine): string {
  const kind = text
    .replace(/^container \S+ \(.*?, image [^)]*\)/, "container")
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/(?<!\w)\/\S+/g, "/")
    .replace(/\d+(?:\.\d+)? [KMGTPE]?i?B\b/g, "# B")
    .replace(/\d+(?: files?\b)?/g, "#");
  return `${severity} ${kind}`;
}
