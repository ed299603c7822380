import { formatBytes, formatDuration } from "../formats/csv.ts";
import { findLayers } from "../image/host-layers.ts";
import { Recording } from "../record/recording.ts";
import { loadShim } from "../sys/shim.ts";
import { rootOf } from "../trace/process-mounts.ts";
import { Tracer } from "../trace/tracer.ts";
import { ExitCode, makeCommand } from "./command.ts";
import { holdCommand } from "./held-command.ts";
import { UsageError } from "./usage.ts";

const MARK_TIMEOUT_MS = 5000;

const header = `${"elapsed".padStart(10)}  ${"size".padStart(10)}  path\n`;

/** `optimizer trace -- COMMAND`: what a command opens, as a table, once it has ended. */
export const traceCommand = makeCommand({
  name: "trace",
  description: "Run a command and print the files that it opens, in order of first access",
  args: {},
  async run(_flags, command) {
    if (command === undefined || command.length === 0) {
      throw new UsageError("Nothing to trace; usage: optimizer trace -- COMMAND [ARG…]");
    }
    return await traceAndPrint(command);
  },
});

/** Returns the command's exit code, or 3 when it was 0 and the list has holes. */
async function traceAndPrint(command: readonly string[]): Promise<number> {
  const shim = loadShim();
  shim.raiseOpenFileLimit();
  // For tests of what is said when events are lost.
  const boundedQueue = process.env["OPTIMIZER_TEST_BOUNDED_QUEUE"] !== undefined;
  const tracer = await Tracer.start(shim, { boundedQueue });
  const held = await holdCommand(command);
  const root = rootOf(held.pid);
  const rows: string[] = [];
  const recording = new Recording({
    layers: findLayers(root, shim.readXattr).layers,
    onFile: ({ path, sizeBytes, elapsedUs }) =>
      rows.push(
        `${formatDuration(elapsedUs).padStart(10)}  ${formatBytes(sizeBytes).padStart(10)}  ${path}\n`,
      ),
  });
  const trace = await tracer.arm({
    pid: held.pid,
    root,
    observer: recording,
    timeoutMs: MARK_TIMEOUT_MS,
    hostRoot: "allow",
  });
  held.release();
  const exitCode = await held.exited;
  await trace.drained();
  await trace.close(false);
  tracer.stop();
  process.stdout.write(`${header}${rows.join("")}`);
  const { listed, listedBytes } = recording.counts;
  process.stderr.write(`${listed} files, ${formatBytes(listedBytes)}\n`);
  if (recording.trouble.length === 0) return exitCode;
  process.stderr.write(`The list is not complete: ${recording.trouble.join("; ")}\n`);
  return exitCode || ExitCode.incomplete;
}
