import { awaitedProgram } from "../trace/awaited-program.ts";
import type { FileOpen } from "../trace/trace.ts";

/** What kind of process a trace is attached to: the first one of a runtime's container, or any. */
export type AttachedKind = "container" | "process";

const ranAlready = {
  container: "the container ran already when its trace began",
  process: "the process ran already when its trace began",
} as const satisfies Record<AttachedKind, string>;

/** What makes a list complete that has holes for this reason, as a sentence. */
export function cureOf(reason: string): string | undefined {
  if (reason === ranAlready.container) return "For a complete one start it anew under --wait";
  if (reason === ranAlready.process) return "For a complete one start it by optimizer trace -- COMMAND";
  return undefined;
}

/**
 * Tells whether a trace that was attached to a process has seen all that its program opened. It has when a container's
 * process still waited to become the program after the mark was set, and has become it since.
 */
export class AttachedStart {
  readonly #pid: number;
  readonly #kind: AttachedKind;
  readonly #sharesRoot: boolean;
  #isEarly = false;
  #executed = false;

  /** @param sharesRoot it has the host's root: not yet one of its own, or one in a virtual machine */
  constructor(pid: number, kind: AttachedKind, sharesRoot: boolean) {
    this.#pid = pid;
    this.#kind = kind;
    this.#sharesRoot = sharesRoot;
  }

  /** To be called when the mark is set. Returns whether the program has not begun, so that nothing of it is open yet. */
  marked(): boolean {
    const mayBeEarly = this.#kind === "container" && !this.#sharesRoot;
    this.#isEarly = mayBeEarly && awaitedProgram(this.#pid) === "awaited";
    return this.#isEarly;
  }

  /** To be told of each event. */
  open({ exec, pid }: FileOpen): void {
    if (exec && pid === this.#pid) this.#executed = true;
  }

  /** Why the list has holes, if so. To be asked when the events are read. */
  missed(): string | undefined {
    if (!this.#isEarly) return ranAlready[this.#kind];
    // A runtime may run a program itself, and never execute anything: then nobody knows since when.
    if (this.#executed || awaitedProgram(this.#pid) === "started") return undefined;
    return "the container's program was not seen to start";
  }
}
