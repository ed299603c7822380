import { defineCommand } from "citty";
import { formatBytes, formatDuration } from "../formats/csv.ts";
import { Recording } from "../record/recording.ts";
import { findLayers } from "../image/host-layers.ts";
import { loadShim } from "../sys/shim.ts";
import { rootOf, Tracer } from "../trace/tracer.ts";
import { holdCommand } from "./held-command.ts";
import { checkFlags, UsageError } from "./usage.ts";

const MARK_TIMEOUT_MS = 5000;
const EXIT_INCOMPLETE = 3;

const args = {} as const;

/** `optimizer trace -- COMMAND`: what a command opens, as a table, once it has ended. */
export const traceCommand = defineCommand({
  meta: {
    name: "optimizer trace",
    description: "Run a command and print the files that it opens, in order of first access",
  },
  args,
  async run({ rawArgs }) {
    checkFlags(rawArgs, args);
    const separator = rawArgs.indexOf("--");
    const command = separator < 0 ? [] : rawArgs.slice(separator + 1);
    if (separator !== 0 || command.length === 0) {
      throw new UsageError("Nothing to trace; usage: optimizer trace -- COMMAND [ARG…]");
    }
    process.exitCode = await traceAndPrint(command);
  },
});

/** Returns the command's exit code, or 3 when it was 0 and the list has holes. */
async function traceAndPrint(command: readonly string[]): Promise<number> {
  const shim = loadShim();
  shim.raiseOpenFileLimit();
  const tracer = await Tracer.start(shim);
  const held = await holdCommand(command);
  const root = rootOf(held.pid);
  const rows: string[] = [];
  const recording = new Recording({
    layers: findLayers(root, shim.readXattr).layers,
    csvStyle: "exact",
    output: { list: () => {}, csv: () => {} },
    onFile: ({ path, sizeBytes, elapsedUs }) =>
      rows.push(`${formatDuration(elapsedUs).padStart(10)}  ${formatBytes(sizeBytes).padStart(10)}  ${path}\n`),
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
  trace.close(false);
  tracer.stop();
  return exitCode;
}
