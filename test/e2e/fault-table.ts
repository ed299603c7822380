/** What becomes of the result of a container that a fault befell. */
export type Outcome =
  /** No file at all. */
  | { readonly kind: "none" }
  | { readonly kind: "complete" }
  /** A list that lacks something; `why` is in its json. */
  | { readonly kind: "incomplete"; readonly why: string }
  /** A json without a list, that says why. */
  | { readonly kind: "note"; readonly why: string };

/** A row of the table "Faults" in ARCHITECTURE.md. In texts "…" stands for anything. */
export interface Fault {
  readonly fault: string;
  readonly outcome: Outcome;
  /** A line of the log. */
  readonly log: string;
}

const none: Outcome = { kind: "none" };
const complete: Outcome = { kind: "complete" };
const incomplete = (why: string): Outcome => ({ kind: "incomplete", why });
const note = (why: string): Outcome => ({ kind: "note", why });

/** A line about a complete result. */
const WRITTEN = "info container … files, … (container stopped)";
const UNTRACED = "warn container … is not traced: …";

/** What is tried on real containerds. */
export const faults = {
  missing: { fault: "`persist_dir` is missing", outcome: complete, log: WRITTEN },
  fileInPlace: {
    fault: "a file stands in the place of `persist_dir`",
    outcome: none,
    log: "warn container … is not traced: no result can be written to …: ENOTDIR; …",
  },
  readOnly: {
    fault: "`persist_dir` is read-only",
    outcome: none,
    log: "warn container … is not traced: no result can be written to …: EROFS; …",
  },
  full: {
    fault: "the disk gets full in the middle of a list",
    outcome: incomplete("Cannot write …: ENOSPC"),
    log: "warn container … the list is not complete: Cannot write …: ENOSPC",
  },
  foreign: {
    fault: "a folder of the result belongs to another user",
    outcome: none,
    log: "warn container … is not traced: Cannot look for …: EACCES",
  },
  hung: {
    fault: "the disk hangs from the beginning, and then is gone",
    outcome: none,
    log: "error container … Cannot write …: …",
  },
  hungMidway: {
    fault: "the disk hangs in the middle of a list, and goes on later",
    outcome: complete,
    log: WRITTEN,
  },
  slow: { fault: "the disk is slower than the events", outcome: complete, log: WRITTEN },
  markFails: {
    fault: "the mark cannot be set: EMFILE, ENFILE, EIO or ENOMEM",
    outcome: note("Cannot trace process …: cannot …"),
    log: UNTRACED,
  },
  joinFails: {
    fault: "a mount namespace cannot be joined",
    outcome: complete,
    log: WRITTEN,
  },
  readFails: {
    fault: "events cannot be read for a moment",
    outcome: incomplete("event lost: EIO"),
    log: "warn container … the list is not complete: event lost: EIO",
  },
  statFails: {
    fault: "the file of an event cannot be looked at",
    outcome: incomplete("event lost: ENOMEM"),
    log: "warn container … the list is not complete: event lost: ENOMEM",
  },
  streamEnds: {
    fault: "the stream of events breaks",
    outcome: note("tracer ended"),
    log: "warn container … the list is not complete: tracer ended",
  },
  readOnlyRoot: { fault: "the container's root is read-only", outcome: complete, log: WRITTEN },
  userNamespace: { fault: "the pod is in a user namespace", outcome: complete, log: WRITTEN },
  threadBlocked: {
    fault: "the tracing thread hangs: a layer of the image lies on a disk that hangs",
    outcome: incomplete("event lost: …"),
    log: "error tracing hangs, probably in a file system that does not answer: containers start untraced until it does",
  },
  killed: {
    fault: "the plugin is killed, and started again",
    outcome: incomplete("the recorder was killed"),
    log: "info completed 1 result(s) that an earlier run was killed over, …",
  },
  containerdKilled: {
    fault: "containerd is killed, and started again, under an external plugin",
    outcome: incomplete("connection lost"),
    log: "warn the … next attempt in … ms",
  },
  twoExternal: {
    fault: "two external plugins write to one folder",
    outcome: complete,
    log: WRITTEN,
  },
  twoLaunches: {
    fault: "a plugin that containerd started and an external one write to one folder",
    outcome: complete,
    log: WRITTEN,
  },
  noFanotify: {
    fault: "an external plugin gets no fanotify group: it ends, with 1",
    outcome: none,
    log: "optimizer: Cannot start tracing with fanotify: EMFILE (…)",
  },
  launchedNoFanotify: {
    fault: "a plugin that containerd started gets no fanotify group",
    outcome: none,
    log: "error nothing will be traced: Cannot start tracing with fanotify: ENOMEM",
  },
  launchedKilled: {
    fault: "a plugin that containerd started is killed; the next containerd starts it again",
    outcome: incomplete("the recorder was killed"),
    log: "info completed 1 result(s) that an earlier run was killed over, …",
  },
} as const satisfies Record<string, Fault>;

/** What is tried with processes that no containerd would name. */
export const oddProcesses = {
  gone: {
    fault: "the container's process is gone before the mark",
    outcome: note("Cannot trace process …: ENOENT for its mount table"),
    log: UNTRACED,
  },
  zombie: {
    fault: "its namespace has vanished: the process has ended and nobody has waited for it",
    outcome: note("Cannot trace process …: …"),
    log: UNTRACED,
  },
  reused: {
    fault: "its pid is used again, by a process of the host",
    outcome: note("Cannot trace process …: its root is the host's own"),
    log: UNTRACED,
  },
  reusedByOther: {
    fault: "its pid is used again, by a process of another container",
    outcome: note("Cannot trace process …: its cgroup is that of container …"),
    log: UNTRACED,
  },
  hostRoot: {
    fault: "it has the host's root: the runtime runs virtual machines",
    outcome: note("Cannot trace process …: its root is the host's own"),
    log: UNTRACED,
  },
  rootless: { fault: "its root was mounted in a user namespace", outcome: complete, log: WRITTEN },
  clockBack: { fault: "the clock jumps a day back while it runs", outcome: complete, log: WRITTEN },
  clockAhead: { fault: "the clock jumps a day ahead while it runs", outcome: complete, log: WRITTEN },
} as const satisfies Record<string, Fault>;

/** Whether a text has a line that ends as `line` does, where "…" stands for anything. */
export function matchesLog(text: string, line: string): boolean {
  const parts = line.split("…").map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`${parts.join(".*")}$`, "m").test(text);
}

/** The table, as it stands in ARCHITECTURE.md. */
export function rowsOf(table: Readonly<Record<string, Fault>>): string[] {
  return Object.values(table).map(
    ({ fault, outcome, log }) => `| ${fault} | nothing | ${describeOutcome(outcome)} | \`${log}\` |`,
  );
}

function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case "none":
      return "none is written";
    case "complete":
      return "complete";
    case "incomplete":
      return `incomplete: \`${outcome.why}\``;
    case "note":
      return `no list; the json says \`${outcome.why}\``;
  }
}

if (import.meta.main) console.log([...rowsOf(faults), ...rowsOf(oddProcesses)].join("\n"));
