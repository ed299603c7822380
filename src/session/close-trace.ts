import type { Recording } from "../record/recording.ts";
import type { Trace } from "../trace/trace.ts";
import type { Tracer } from "../trace/tracer.ts";
import { unlessStuck } from "./unless-stuck.ts";

/**
 * A trace that ends waits for the events that stand in the kernel's queue, many seconds after a storm: but not without
 * an end when none is read any more. The mark's end may take so long in all.
 */
const CLOSE_PATIENCE_MS = 5000;

/** What is to be closed. */
export interface ClosedTrace {
  readonly tracer: Tracer;
  readonly trace: Trace;
  readonly recording: Recording;
  /** The traced processes may go on. */
  readonly rootLives: boolean;
}

/** Ends a trace once its events are recorded; what did not come in time is noted as a loss. */
export async function closeTrace({ tracer, trace, recording, rootLives }: ClosedTrace): Promise<void> {
  const progress = () => tracer.progress();
  if ((await unlessStuck(trace.drained(), progress, CLOSE_PATIENCE_MS)) === "stuck") {
    recording.fail("events did not arrive in time");
  }
  recording.allEventsRead();
  // A helper of its own takes the mark back: what the others do says nothing of it.
  const loss = await unlessStuck(trace.close(rootLives), () => 0, CLOSE_PATIENCE_MS);
  if (loss !== undefined && loss !== "stuck") recording.lost(loss);
}
