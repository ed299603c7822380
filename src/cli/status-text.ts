import { plural } from "../plural.ts";
import type { Answer } from "../status/ask.ts";
import type { Problem, ProblemKind } from "../status/problem.ts";
import type { ReadStatus } from "../status/read-status.ts";
import { paint, shown, type Terminal } from "../sys/terminal.ts";

/** All that `optimizer status` found out. */
export interface StatusReport {
  readonly answers: readonly Answer[];
  /** What is wrong besides what the plugins say themselves. */
  readonly problems: readonly string[];
}

/** One line of a report: `problems` are those that belong to it. */
interface Row {
  readonly label: string;
  readonly text: string;
  readonly kinds: readonly ProblemKind[];
}

const LABEL_WIDTH = 12;

/** Healthy is a host where a plugin answers and no plugin that answers has a problem. */
export function isHealthy({ answers, problems }: StatusReport): boolean {
  return (
    problems.length === 0 &&
    answers.every((each) => each.kind === "answered" && each.status.problems.length === 0)
  );
}

/** The report for people. */
export function formatStatusReport({ answers, problems }: StatusReport, terminal: Terminal): string {
  return [
    ...answers.map((answer) => formatAnswer(answer, terminal)),
    ...problems.map((problem) => line("FAIL", "plugin", problem, terminal)),
  ].join("");
}

/** The same for programs; field names are a contract. */
export function statusReportJson(report: StatusReport) {
  return {
    version: 1,
    healthy: isHealthy(report),
    problems: report.problems,
    plugins: report.answers.map((answer) =>
      answer.kind === "answered"
        ? { pid: answer.pid, answer: answer.kind, status: answer.status.json }
        : { pid: answer.pid, answer: answer.kind, status: null },
    ),
  };
}

function formatAnswer(answer: Answer, terminal: Terminal): string {
  switch (answer.kind) {
    case "answered":
      return formatStatus(answer.status, terminal);
    case "silent": {
      const text = `pid ${answer.pid} does not answer within ${answer.waitedMs} ms: it is stopped, or hangs`;
      return line("FAIL", "plugin", text, terminal);
    }
    case "gone":
      return line(
        "FAIL",
        "plugin",
        `pid ${answer.pid} is gone without having ended: it was killed`,
        terminal,
      );
    case "strange":
      return line("FAIL", "plugin", `pid ${answer.pid} cannot be asked: ${answer.why}`, terminal);
  }
}

function formatStatus(status: ReadStatus, terminal: Terminal): string {
  const { optimizer, pid, name, launch, problems } = status;
  const told = rowsOf(status);
  const others = problems.filter(({ kind }) => !told.some(({ kinds }) => kinds.includes(kind)));
  return [
    line("ok", "plugin", `optimizer ${optimizer}, pid ${pid}, ${name} (${launch})`, terminal),
    ...told.map((row) => formatRow(row, problems, terminal)),
    ...others.map((problem) => formatProblem("problem", problem, terminal)),
  ].join("");
}

function rowsOf({ connected, runtime, since, answers, persistDir, traces, lastTrace }: ReadStatus): Row[] {
  const { count, slow, worstMs } = answers;
  const last =
    lastTrace === undefined
      ? ""
      : `; the last one: ${lastTrace.name}, ${plural(lastTrace.files, "file")}, ${lastTrace.complete ? "complete" : `not complete (${lastTrace.reason})`}, ${lastTrace.ended}`;
  return [
    {
      label: "connection",
      text: connected ? `to ${runtime.name} ${runtime.version}, since ${since}` : "",
      kinds: ["not-connected"],
    },
    {
      label: "answers",
      text: `${count} to StartContainer, ${slow} slow, ${worstMs.toFixed(1)} ms at worst`,
      kinds: ["cannot-trace", "tracing-hangs"],
    },
    { label: "results", text: `can be written to ${persistDir}`, kinds: ["results-not-writable"] },
    {
      label: "traces",
      text: `${traces.running} running, ${traces.traced} begun, ${traces.incomplete} incomplete${last}`,
      kinds: ["processes-hidden", "cgroups-hidden", "traces-fail"],
    },
  ];
}

/** What is right where nothing is wrong. */
function formatRow({ label, text, kinds }: Row, problems: readonly Problem[], terminal: Terminal): string {
  const wrong = problems.filter(({ kind }) => kinds.includes(kind));
  if (wrong.length === 0) return line("ok", label, text, terminal);
  return wrong.map((problem) => formatProblem(label, problem, terminal)).join("");
}

function formatProblem(label: string, { text, cure }: Problem, terminal: Terminal): string {
  const head = line("FAIL", label, text, terminal);
  return cure === undefined ? head : `${head}${" ".repeat(6 + LABEL_WIDTH + 1)}${safe(cure, terminal)}\n`;
}

function line(level: "ok" | "FAIL", label: string, text: string, terminal: Terminal): string {
  const word = paint(level.padEnd(4), level === "ok" ? "green" : "red", terminal);
  return `${word}  ${label.padEnd(LABEL_WIDTH)} ${safe(text, terminal)}\n`;
}

/** Names of images and folders are of others. */
function safe(text: string, terminal: Terminal): string {
  return shown(Buffer.from(text.replaceAll("\n", "\\n")).toString("latin1"), terminal);
}
