import type { FolderProblem } from "../record/folder-check.ts";
import type { FailuresInARow } from "./counters.ts";
import type { Problem } from "./problem.ts";

/** What becomes of requests to trace. */
export type TracingState =
  | { readonly kind: "works" }
  | { readonly kind: "hangs" }
  | { readonly kind: "unable"; readonly why: string };

/** What a plugin knows of its own state. */
export interface Circumstances {
  /** Why there is no connection; undefined while a runtime uses the plugin. */
  readonly disconnected: { readonly why: string; readonly cure: string | undefined } | undefined;
  readonly tracing: TracingState;
  /** What keeps results from being written. */
  readonly folder: FolderProblem | undefined;
  /** What keeps every container of this runtime from being traced. */
  readonly blocked: Problem | undefined;
  readonly failures: FailuresInARow;
  readonly unwritten: FailuresInARow;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** One container may be odd; so many in a row are not. */
const FAILURES_MIN = 3;
/** What nothing has confirmed for so long tells nothing of now: there may be no new image to try. */
const FAILURE_AGE_MS = 600_000;

/** All that is wrong, the cause before its consequences. Pure. */
export function findProblems(circumstances: Circumstances): Problem[] {
  const { disconnected, tracing, folder, blocked, failures, unwritten, nowMs } = circumstances;
  const counts = ({ count, atMs }: FailuresInARow): boolean =>
    count >= FAILURES_MIN && nowMs - atMs < FAILURE_AGE_MS;
  const problems: Problem[] = [];
  if (disconnected !== undefined) {
    problems.push({
      kind: "not-connected",
      text: `not connected to a runtime: ${disconnected.why}`,
      cure: disconnected.cure,
    });
  }
  if (tracing.kind === "unable") {
    problems.push({
      kind: "cannot-trace",
      text: `nothing can be traced: ${tracing.why}`,
      cure: "optimizer doctor says what this host lacks",
    });
  }
  if (tracing.kind === "hangs") {
    problems.push({
      kind: "tracing-hangs",
      text: "tracing hangs, probably in a file system that does not answer: containers start untraced",
    });
  }
  if (folder !== undefined) {
    problems.push({ kind: "results-not-writable", text: folder.text, cure: folder.cure });
  }
  if (blocked !== undefined) problems.push(blocked);
  if (counts(unwritten) && folder === undefined) {
    problems.push({
      kind: "results-not-writable",
      text: `${unwritten.count} results in a row could not be written: ${unwritten.why}`,
    });
  }
  if (counts(failures) && folder === undefined && blocked === undefined) {
    problems.push({
      kind: "traces-fail",
      text: `containers of ${failures.count} results in a row could not be traced: ${failures.why}`,
    });
  }
  return problems;
}
