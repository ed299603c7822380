import { release } from "node:os";
import { findLayers } from "../image/host-layers.ts";
import { Recording } from "../record/recording.ts";
import { closeTrace } from "../session/close-trace.ts";
import { loadShim } from "../sys/shim.ts";
import { Gate } from "../trace/gate.ts";
import { openFiles } from "../trace/open-files.ts";
import { isHostRoot, rootOf } from "../trace/process-mounts.ts";
import { ProcessTree } from "../trace/process-tree.ts";
import { Tracer } from "../trace/tracer.ts";
import { version } from "../version.ts";
import { Progress } from "./progress.ts";
import { whyReplacedListed } from "./replaced-files.ts";
import { Stop, type StopOptions, type StopReason } from "./stop.ts";
import type { TracedFile, TraceReport } from "./trace-report.ts";
import { onSignals } from "./trace-signals.ts";
import { endCommand, openTarget, type Target, type TargetOptions, watchOutput } from "./trace-target.ts";

/** A trace that somebody asked for and waits for. */
export interface TraceRunOptions extends StopOptions {
  readonly target: TargetOptions;
  /** Stops at the first line of a command's output that has this text. */
  readonly untilLine: string | undefined;
  readonly runtimeFiles: boolean;
  readonly quiet: boolean;
}

/** What came of it. `exitCode` is the command's, when it ended by itself. */
export interface TraceRun {
  readonly report: TraceReport;
  readonly exitCode: number;
}

const MARK_TIMEOUT_MS = 5000;

/** Traces a command, or a process that runs, until something says stop. Rejects with TraceError or SyscallError. */
export async function runTrace(options: TraceRunOptions): Promise<TraceRun> {
  const shim = loadShim();
  try {
    shim.raiseOpenFileLimit();
  } catch {
    // With what there is; when that is not enough, the trace tells.
  }
  // For tests of what is said when events are lost.
  const boundedQueue = process.env["OPTIMIZER_TEST_BOUNDED_QUEUE"] !== undefined;
  const tracer = await Tracer.start(shim, { boundedQueue });
  const target = await openTarget(options.target);
  try {
    return await traceTarget(options, target, tracer, shim.readXattr);
  } catch (error) {
    target.held?.kill("SIGKILL"); // it waits for a word that nobody will say
    throw error;
  } finally {
    tracer.stop();
  }
}

async function traceTarget(
  options: TraceRunOptions,
  target: Target,
  tracer: Tracer,
  xattr: Parameters<typeof findLayers>[1],
): Promise<TraceRun> {
  const root = rootOf(target.pid);
  const rootfs = options.target.kind === "command" ? options.target.rootfs : undefined;
  const unseen = rootfs === undefined ? undefined : { imageDevice: target.held?.imageDevice };
  const found = findLayers(root, xattr, unseen);
  const tellsReplaced = options.runtimeFiles || (found.layers?.tellsReplaced ?? true);
  // Not at the end, when a file system may not answer any more.
  const replacedListed = tellsReplaced ? undefined : whyReplacedListed(rootfs);
  const files: TracedFile[] = [];
  const stop = new Stop(options, target.ended);
  const recording = new Recording({
    layers: found.layers,
    runtimeFiles: options.runtimeFiles,
    onFile(file, layer) {
      files.push({ ...file, layer, before: file.before ?? false });
      stop.fileSeen();
    },
  });
  const sharesRoot = target.held === undefined && isHostRoot(root);
  const tree = sharesRoot ? new ProcessTree(target.pid) : undefined;
  const gate = new Gate(recording, tree);
  const startedAt = new Date();
  const trace = await tracer.arm({
    pid: target.pid,
    root,
    observer: gate,
    timeoutMs: MARK_TIMEOUT_MS,
    hostRoot: "allow",
  });
  if (target.held === undefined) {
    const belongs = (pid: number): boolean => tree === undefined || tree.has(pid) === true;
    for (const file of openFiles(target.pid, belongs)) recording.open(file);
  }
  gate.release();
  const reason = await released(options, target, stop, recording);
  await closeTrace({ tracer, trace, recording, rootLives: reason !== "ended" });
  const report: TraceReport = {
    target: target.name,
    files,
    counts: recording.counts,
    trouble: recording.trouble,
    unfiltered: found.layers === undefined ? found.why : undefined,
    replacedListed,
    startedAt,
    endedAt: new Date(),
    reason,
    kernel: release(),
    optimizer: version,
  };
  if (reason !== "ended" && target.held !== undefined) await endCommand(target.held);
  return { report, exitCode: reason === "ended" ? await target.ended : 0 };
}

/** Lets the command go and waits until something says stop. */
async function released(
  options: TraceRunOptions,
  target: Target,
  stop: Stop,
  recording: Recording,
): Promise<StopReason> {
  using _progress = new Progress(recording.counts, options);
  using _signals = onSignals(target, stop);
  const outputs =
    options.untilLine === undefined ? [] : watchOutput(target, options.untilLine, () => stop.now("line"));
  target.held?.release();
  const reason = await stop.reached;
  if (reason === "ended") await Promise.all(outputs); // what it said last
  return reason;
}
