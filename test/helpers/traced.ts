import { loadShim, type NativeTracer, type Shim } from "../../src/sys/shim.ts";
import { rootOf } from "../../src/trace/process-mounts.ts";
import type { ArmOptions, FileOpen, Loss, Trace, TraceObserver } from "../../src/trace/trace.ts";
import { Tracer } from "../../src/trace/tracer.ts";

/** A tracer that is stopped with the test. */
export type OwnTracer = Tracer & Disposable;

/** How a tracer is started. */
export interface StartOptions {
  readonly boundedQueue?: boolean;
  /** Puts something before the kernel's side, to hold it up or to look on. */
  readonly wrap?: (native: NativeTracer) => NativeTracer;
}

/** Starts a tracer: `using tracer = await startTracer()`. */
export async function startTracer({ boundedQueue = false, wrap }: StartOptions = {}): Promise<OwnTracer> {
  const shim = loadShim();
  const start: Shim["start"] = (options) => {
    const native = shim.start(options);
    return wrap === undefined ? native : wrap(native);
  };
  const tracer = await Tracer.start({ ...shim, start }, { boundedQueue });
  return Object.assign(tracer, { [Symbol.dispose]: () => tracer.stop() });
}

/** Keeps what a trace tells. */
export class Witness implements TraceObserver {
  readonly opens: FileOpen[] = [];
  readonly losses: Loss[] = [];

  get paths(): string[] {
    return this.opens.map(({ path }) => path);
  }

  open(file: FileOpen): void {
    this.opens.push(file);
  }

  lost(loss: Loss): void {
    this.losses.push(loss);
  }
}

/** A trace with what it told. */
export interface Witnessed {
  readonly trace: Trace;
  readonly witness: Witness;
}

/** Traces the root of a process, patiently. */
export async function traceOf(
  tracer: Tracer,
  pid: number,
  options: Partial<Pick<ArmOptions, "timeoutMs" | "hostRoot" | "root">> = {},
): Promise<Witnessed> {
  const witness = new Witness();
  const trace = await tracer.arm({
    pid,
    root: rootOf(pid),
    observer: witness,
    timeoutMs: 5000,
    hostRoot: "refuse",
    ...options,
  });
  return { trace, witness };
}
