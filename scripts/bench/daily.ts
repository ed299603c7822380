import { memoryBytes } from "./children.ts";
import { hold } from "./held.ts";
import { imageContainer, startPlugin } from "./plugin.ts";
import type { Setup } from "./setup.ts";
import { median, percentile } from "./statistics.ts";
import { storm } from "./storm.ts";
import { formatMiB, formatMs, printSection } from "./table.ts";

const STARTS = 200;
const HELP_RUNS = 21;

/** What an operator notices of the plugin: memory when idle, and how long it holds up a start. */
export async function printDaily({ scratch }: Setup): Promise<void> {
  const program = storm(scratch, { files: 1, threads: 1, passes: 1 });
  await using plugin = await startPlugin(scratch);
  const idle = memoryBytes(plugin.pid, "VmRSS");
  const starts: number[] = [];
  const stops: number[] = [];
  for (let index = 0; index < STARTS; index++) {
    await using held = await hold(program, scratch);
    const container = imageContainer(`start-${index}`, held.pid);
    starts.push(await milliseconds(() => plugin.connection.event("StartContainer", container)));
    await held.go();
    stops.push(await milliseconds(() => plugin.connection.event("StopContainer", container)));
  }
  const helps: number[] = [];
  for (let run = 0; run < HELP_RUNS; run++) {
    helps.push(
      await milliseconds(() => Bun.spawn(["dist/optimizer", "--help"], { stdout: "ignore" }).exited),
    );
  }
  printSection(`Daily life: ${STARTS} containers, one after the other`, [
    ["", "median", "99th percentile", "goal"],
    ["StartContainer, added", formatMs(median(starts)), formatMs(percentile(starts, 99)), "5 ms, 20 ms"],
    ["StopContainer, added", formatMs(median(stops)), formatMs(percentile(stops, 99)), ""],
    ["printing --help", formatMs(median(helps)), "", "60 ms"],
    ["memory, idle", formatMiB(idle), "", "60 MiB"],
    [`memory, after ${STARTS} containers`, formatMiB(memoryBytes(plugin.pid, "VmRSS")), "", ""],
  ]);
}

async function milliseconds(act: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}
