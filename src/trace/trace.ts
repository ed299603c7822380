import type { Mount } from "./mountinfo.ts";
import type { DeviceNumber } from "./records.ts";

/** A file that the traced workload opened. `path` is the one in the traced root, in latin1. */
export interface FileOpen {
  readonly path: string;
  readonly sizeBytes: number;
  /** Since the trace was armed; 0 for what came while it was. */
  readonly elapsedUs: number;
  readonly mode: number;
  readonly deleted: boolean;
  /** `st_ino`, its lowest 53 bits. */
  readonly inode: number;
  /** `st_dev`; not told of what was open already. */
  readonly device?: DeviceNumber;
  /** The file was made, or copied up, while the trace was on. */
  readonly isNew: boolean;
  readonly exec: boolean;
  readonly pid: number;
  /** The file was opened through a mount that nobody could tell of for sure: `path` may begin at another folder. */
  readonly unplaced?: boolean;
  /** It was open or mapped already when the trace began. */
  readonly before?: boolean;
}

/** Why events are missing from a trace. */
export type Loss =
  | "queue overflow"
  | `event lost: ${string}`
  /** A bind mount in a namespace that ended at once, a mount without a place, a file opened by its handle. */
  | "a file was opened whose path cannot be told"
  | "tracer ended"
  /** The root was unmounted, or replaced by another one, while processes went on. */
  | "the mark had vanished"
  | "the root file system had been replaced";

/** Who is told of a trace's events. Called in the order of the kernel's queue. */
export interface TraceObserver {
  open(file: FileOpen): void;
  lost(loss: Loss): void;
}

/** A trace that is under way. */
export interface Trace {
  /** Waits until every event up to this moment has been given to the observer. */
  drained(): Promise<void>;
  /**
   * Ends it: no more calls of the observer. `rootLives` when the traced processes may still run.
   * Resolves when the mark is taken back, with what it had missed if it was not there any more.
   */
  close(rootLives: boolean): Promise<Loss | undefined>;
}

/** Why a process cannot be traced. */
export class TraceError extends Error {
  override readonly name = "TraceError";

  constructor(
    readonly code:
      | "process-gone"
      | "host-root"
      | "already-traced"
      | "mark-failed"
      | "too-late"
      | "tracer-ended",
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** What to trace and how long to try. */
export interface ArmOptions {
  readonly pid: number;
  /** Of that process, from rootOf(). */
  readonly root: Mount;
  readonly observer: TraceObserver;
  /** Gives up after so long; a mark that comes later is taken back. */
  readonly timeoutMs: number;
  /** Whether a process whose root is the host's own may be traced. */
  readonly hostRoot: "refuse" | "allow";
}
