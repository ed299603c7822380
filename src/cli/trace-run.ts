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
import { AttachedStart } from "./attached-start.ts";
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
  const { pid, held } = target;
  const wanted = options.target;
  const root = rootOf(pid);
  const rootfs = wanted.kind === "command" ? wanted.rootfs : undefined;
  const unseen = rootfs === undefined ? undefined : { imageDevice: held?.imageDevice };
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
  const sharesRoot = held === undefined && isHostRoot(root);
  const tree = sharesRoot ? new ProcessTree(pid) : undefined;
  const gate = new Gate(recording, tree);
  const start = wanted.kind === "command" ? undefined : new AttachedStart(pid, wanted.kind, sharesRoot);
  const startedAt = new Date();
  const trace = await tracer.arm({
    pid,
    root,
    observer: {
      open(file) {
        start?.open(file);
        gate.open(file);
      },
      lost: (loss) => gate.lost(loss),
    },
    timeoutMs: MARK_TIMEOUT_MS,
    hostRoot: "allow",
  });
  if (start?.marked() === false) {
    const belongs = (each: number): boolean => tree === undefined || tree.has(each) === true;
    for (const file of openFiles(pid, belongs)) recording.open(file);
  }
  gate.release();
  const reason = await released(options, target, stop, recording);
  await closeTrace({ tracer, trace, recording, rootLives: reason !== "ended" });
  const missed = start?.missed();
  if (missed !== undefined) recording.fail(missed);
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
  if (reason !== "ended" && held !== undefined) await endCommand(held);
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
  onSignals(target, stop);
  const outputs =
    options.untilLine === undefined ? [] : watchOutput(target, options.untilLine, () => stop.now("line"));
  target.held?.release();
  const reason = await stop.reached;
  if (reason === "ended") await Promise.all(outputs); // what it said last
  return reason;
}
