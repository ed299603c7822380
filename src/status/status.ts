import { version } from "../version.ts";
import type { AnswerFigures } from "./answers.ts";
import type { TracingCounts } from "./counters.ts";

/** What became of the log's lines. */
export interface LogFigures {
  readonly to: "file" | "syslog" | "stderr" | "nowhere";
  /** Lines that could not be written. */
  readonly lost: number;
  /** Lines that were summed up, since too many were alike. */
  readonly heldBack: number;
}

/** The plugin's connection to the runtime. */
export interface ConnectionFigures {
  /** The runtime has configured the plugin, and the connection is open. */
  readonly connected: boolean;
  /** Connections that were configured, the first one included. */
  readonly connections: number;
  /** Of the last one; empty before. */
  readonly runtime: { readonly name: string; readonly version: string };
}

/** All that the plugin tells of itself in figures. */
export interface Status {
  readonly pid: number;
  readonly startedAt: Date;
  readonly at: Date;
  readonly memoryBytes: number;
  readonly connection: ConnectionFigures;
  readonly answers: Readonly<Record<string, AnswerFigures>>;
  /** Undefined when this host cannot be traced at all. */
  readonly tracing: TracingCounts | undefined;
  readonly log: LogFigures;
}

/** The text of the status file. Field names are a contract. */
export function formatStatus({ pid, startedAt, at, memoryBytes, tracing, ...rest }: Status): string {
  const head = { version: 1, optimizer: version, pid, started: startedAt.toISOString() };
  const all = { ...head, written: at.toISOString(), memoryBytes, ...rest, tracing: tracing ?? null };
  return `${JSON.stringify(all, null, 2)}\n`;
}

/** The figures in one line of `key=value`, for the log. */
export function formatStatusLine({
  startedAt,
  at,
  memoryBytes,
  connection,
  answers,
  tracing,
  log,
}: Status): string {
  const start = answers["StartContainer"];
  const pairs = {
    uptime_s: Math.round((at.getTime() - startedAt.getTime()) / 1000),
    memory_bytes: memoryBytes,
    connected: connection.connected ? 1 : 0,
    connections: connection.connections,
    ...(tracing !== undefined && tracingPairs(tracing)),
    answers: start?.count ?? 0,
    slow_answers: start?.slow ?? 0,
    worst_answer_ms: round(start?.worstMs ?? 0),
    log_lost: log.lost,
    log_held_back: log.heldBack,
  };
  const text = Object.entries(pairs).map(([key, value]) => `${key}=${value}`);
  return `status: ${text.join(" ")}`;
}

function tracingPairs(counts: TracingCounts): Record<string, number> {
  const { ended: _, notTraced, merges, queuePeak, ...plain } = counts;
  return {
    ...plain,
    ...notTraced,
    queue_peak: queuePeak,
    merges: merges.done,
    failed_merges: merges.failed,
  };
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
