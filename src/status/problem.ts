/** What can keep a plugin from doing its work. Names are a contract: they stand in the status file. */
export type ProblemKind =
  /** No runtime has configured the plugin, or its connection has ended. */
  | "not-connected"
  /** This host cannot be traced at all. */
  | "cannot-trace"
  /** The thread that traces shows no sign of life. */
  | "tracing-hangs"
  /** No file can be made in persist_dir. */
  | "results-not-writable"
  /** The runtime's processes are in another pid namespace. */
  | "processes-hidden"
  /** The runtime tells no pid, and the cgroups of its containers cannot be seen. */
  | "cgroups-hidden"
  /** The latest containers could not be traced, one after the other. */
  | "traces-fail"
  /** A plugin of another version says that something is wrong, and not what. */
  | "unknown";

/** One thing that is wrong, for people and for probes. */
export interface Problem {
  readonly kind: ProblemKind;
  /** One line, without an end. */
  readonly text: string;
  /** What to do about it, where that is known. */
  readonly cure?: string | undefined;
}

/** For the log: `text; cure`. */
export function formatProblem({ text, cure }: Problem): string {
  return cure === undefined ? text : `${text}; ${cure}`;
}
