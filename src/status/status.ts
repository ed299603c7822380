import { version } from "../version.ts";
import type { AnswerFigures } from "./answers.ts";
import type { FailuresInARow, TracingCounts } from "./counters.ts";
import { formatProblem, type Problem } from "./problem.ts";

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
  readonly runtime: {
    readonly name: string;
    readonly version: string;
    /** Undefined where it cannot be seen. */
    readonly pid: number | undefined;
  };
  /** When the last one was configured; undefined before. */
  readonly since: Date | undefined;
}

/** How the plugin came to be, and under which name a runtime knows it. */
export interface PluginIdentity {
  readonly idx: string;
  readonly name: string;
  readonly launch: "pre-launched" | "external";
}

/** All that the plugin tells of itself in figures. */
export interface Status {
  readonly pid: number;
  readonly startedAt: Date;
  readonly at: Date;
  readonly memoryBytes: number;
  readonly plugin: PluginIdentity;
  readonly persistDir: string;
  /** What keeps it from doing its work, now. */
  readonly problems: readonly Problem[];
  readonly connection: ConnectionFigures;
  readonly answers: Readonly<Record<string, AnswerFigures>>;
  /** Undefined when this host cannot be traced at all. */
  readonly tracing: TracingCounts | undefined;
  readonly log: LogFigures;
}

/** The text of the status file, and of the answer to `optimizer status`. Field names are a contract. */
export function formatStatus(status: Status): string {
  const { pid, startedAt, at, memoryBytes, plugin, persistDir, problems, connection, answers, log } = status;
  const { since, runtime, ...connected } = connection;
  const all = {
    version: 1,
    optimizer: version,
    pid,
    started: startedAt.toISOString(),
    written: at.toISOString(),
    memoryBytes,
    healthy: problems.length === 0,
    problems: problems.map(({ kind, text, cure }) => ({ kind, text, cure: cure ?? null })),
    plugin,
    persistDir,
    connection: {
      ...connected,
      since: since?.toISOString() ?? null,
      runtime: { ...runtime, pid: runtime.pid ?? null },
    },
    answers,
    log,
    tracing: status.tracing === undefined ? null : tracingJson(status.tracing),
  };
  return `${JSON.stringify(all, null, 2)}\n`;
}

function tracingJson({ lastTrace, failuresInARow, unwrittenInARow, ...counts }: TracingCounts) {
  const last = lastTrace && {
    name: lastTrace.name,
    ended: new Date(lastTrace.endedAtMs).toISOString(),
    files: lastTrace.files,
    complete: lastTrace.complete,
    reason: lastTrace.reason,
  };
  return {
    ...counts,
    lastTrace: last ?? null,
    failuresInARow: streakJson(failuresInARow),
    unwrittenInARow: streakJson(unwrittenInARow),
  };
}

function streakJson({ count, why, atMs }: FailuresInARow) {
  return { count, why, at: atMs === 0 ? null : new Date(atMs).toISOString() };
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
  problems,
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
  const wrong = problems.map((each) => `; ${formatProblem(each)}`);
  return `status: ${text.join(" ")}${wrong.join("")}`;
}

function tracingPairs(counts: TracingCounts): Record<string, number> {
  const { ended, lastTrace, failuresInARow, unwrittenInARow, notTraced, merges, queuePeak, ...plain } =
    counts;
  return {
    ...plain,
    ...notTraced,
    failed_in_a_row: failuresInARow.count,
    unwritten_in_a_row: unwrittenInARow.count,
    queue_peak: queuePeak,
    merges: merges.done,
    failed_merges: merges.failed,
  };
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
