import { isObject, type JsonObject, objectAt, parseJson, positiveAt, textAt } from "../json.ts";
import type { Problem, ProblemKind } from "./problem.ts";

/** What formatStatus() has written, as far as a report on a plugin needs it. */
export interface ReadStatus {
  /** The version of the program that runs. */
  readonly optimizer: string;
  readonly pid: number;
  /** As runtimes know it: `02-optimizer`. */
  readonly name: string;
  readonly launch: string;
  readonly persistDir: string;
  readonly connected: boolean;
  readonly runtime: { readonly name: string; readonly version: string };
  /** Of the runtime, where it can be seen. */
  readonly runtimePid: number | undefined;
  /** ISO 8601; empty when there was no connection. */
  readonly since: string;
  readonly answers: { readonly count: number; readonly slow: number; readonly worstMs: number };
  readonly traces: { readonly running: number; readonly traced: number; readonly incomplete: number };
  readonly lastTrace:
    | {
        readonly name: string;
        readonly ended: string;
        readonly files: number;
        readonly complete: boolean;
        readonly reason: string;
      }
    | undefined;
  /** Never empty where the plugin says that it is not well. */
  readonly problems: readonly Problem[];
  /** The whole of it, for `--json`. */
  readonly json: unknown;
}

/** Reads a status; undefined when it is none. Missing fields are empty: it may be of another version. */
export function parseStatus(text: string): ReadStatus | undefined {
  const json = parseJson(text);
  const pid = positiveAt(json, "pid");
  if (!isObject(json) || pid === undefined || json["version"] !== 1) return undefined;
  const plugin = objectAt(json, "plugin");
  const connection = objectAt(json, "connection");
  const runtime = objectAt(connection, "runtime");
  const start = objectAt(objectAt(json, "answers"), "StartContainer");
  const tracing = objectAt(json, "tracing");
  return {
    optimizer: textAt(json, "optimizer"),
    pid,
    name: `${textAt(plugin, "idx")}-${textAt(plugin, "name")}`,
    launch: textAt(plugin, "launch"),
    persistDir: textAt(json, "persistDir"),
    connected: connection["connected"] === true,
    runtime: { name: textAt(runtime, "name"), version: textAt(runtime, "version") },
    runtimePid: positiveAt(runtime, "pid"),
    since: textAt(connection, "since"),
    answers: {
      count: positiveAt(start, "count") ?? 0,
      slow: positiveAt(start, "slow") ?? 0,
      worstMs: typeof start["worstMs"] === "number" ? start["worstMs"] : 0,
    },
    traces: {
      running: positiveAt(tracing, "running") ?? 0,
      traced: positiveAt(tracing, "traced") ?? 0,
      incomplete: positiveAt(tracing, "incomplete") ?? 0,
    },
    lastTrace: lastTraceOf(objectAt(tracing, "lastTrace")),
    problems: problemsOf(json),
    json,
  };
}

function lastTraceOf(trace: Readonly<Record<string, unknown>>): ReadStatus["lastTrace"] {
  const name = textAt(trace, "name");
  if (name === "") return undefined;
  return {
    name,
    ended: textAt(trace, "ended"),
    files: positiveAt(trace, "files") ?? 0,
    complete: trace["complete"] === true,
    reason: textAt(trace, "reason"),
  };
}

function problemsOf({ healthy, problems, optimizer }: JsonObject): Problem[] {
  const told = (Array.isArray(problems) ? problems : []).filter(isObject).map((each) => ({
    // One of a later version is told by its text.
    kind: textAt(each, "kind") as ProblemKind,
    text: textAt(each, "text"),
    cure: textAt(each, "cure") || undefined,
  }));
  if (told.length > 0 || healthy === true) return told;
  return [
    { kind: "unknown", text: `it says that it is not well, and not why (optimizer ${optimizer ?? "?"})` },
  ];
}
