import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  buildPrograms,
  floor,
  median,
  type PluginRun,
  pluginRun,
  type StormOptions,
  startTimes,
  storm,
} from "./bench/runs.ts";

/**
 * What tracing costs, as medians over runs that take turns: no tracer, the plugin, and the least a
 * recorder in C needs. Prints ratios with the goals beside them; judges nothing. Needs root.
 */

const RUNS = Number(process.env["RUNS"] ?? 7);
const FILES = 50_000;
const THREADS = 4;
const PASSES = 5;
const STARTS = 200;

await buildPrograms();

const scratch = mkdtempSync(join(tmpdir(), "optimizer-bench-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));

const layer = join(scratch, "layer");
mkdirSync(layer);
const options: StormOptions = { scratch, layer, files: FILES, threads: THREADS, passes: PASSES };

await storm(options); // makes the files, and warms the caches
const untraced: number[][] = [];
const traced: PluginRun[] = [];
const least: { passes: number[]; cpuMs: number }[] = [];
for (let run = 0; run < RUNS; run++) {
  untraced.push(await storm(options));
  traced.push(await pluginRun(options));
  least.push(await floor(options));
  process.stderr.write(`run ${run + 1} of ${RUNS}\r`);
}

const first = (passes: readonly number[]): number => passes[0] ?? Number.NaN;
const sum = (passes: readonly number[]): number => passes.reduce((total, each) => total + each, 0);
const ratios = (of: (passes: readonly number[]) => number, what: readonly (readonly number[])[]): number =>
  median(what.map((passes, index) => of(passes) / of(untraced[index] ?? [])));
const tracedPasses = traced.map((run) => run.passes);
const leastPasses = least.map((run) => run.passes);
const starts = (await startTimes({ ...options, files: 1, threads: 1 }, STARTS)).sort((a, b) => a - b);
const startP99 = starts[Math.ceil(STARTS * 0.99) - 1] ?? Number.NaN;

line("no tracer, one pass over 50 000 files", `${median(untraced.map(first)).toFixed(0)} ms`);
line(
  "slowdown of one pass",
  ratios(first, tracedPasses).toFixed(2),
  "at most 1.5",
  ratios(first, leastPasses),
);
line(
  "slowdown of five passes",
  ratios(sum, tracedPasses).toFixed(2),
  "at most 1.1",
  ratios(sum, leastPasses),
);
const cpuRatio = median(traced.map((run, index) => run.cpuMs / (least[index]?.cpuMs ?? Number.NaN)));
line(
  "CPU of the plugin for five passes",
  `${median(traced.map((run) => run.cpuMs)).toFixed(0)} ms, ${cpuRatio.toFixed(2)} times the C recorder`,
  "at most 2",
);
line("files listed in each run", [...new Set(traced.map((run) => run.listed))].join(", "), `${FILES}`);
line("memory, idle", `${median(traced.map((run) => run.idleMiB)).toFixed(0)} MiB`, "60 MB");
const perFile = median(traced.map((run) => ((run.afterMiB - run.idleMiB) * 1024 * 1024) / run.listed));
line(
  "memory, after the storm",
  `${median(traced.map((run) => run.afterMiB)).toFixed(0)} MiB, ${perFile.toFixed(0)} bytes a file`,
  "60 MB and 200 bytes a file",
);
line(
  "result complete after StopContainer is sent",
  `${median(traced.map((run) => run.stopMs)).toFixed(0)} ms`,
  "200 ms",
);
line(
  "StartContainer, added",
  `${median(starts).toFixed(1)} ms median, ${startP99.toFixed(1)} ms 99th percentile of ${STARTS}`,
  "5 ms, 20 ms",
);
line("printing --help", `${(await helpMs()).toFixed(0)} ms`, "60 ms");

function line(what: string, value: string, goal = "", floorRatio?: number): void {
  const beside = floorRatio === undefined ? "" : ` (C recorder: ${floorRatio.toFixed(2)})`;
  console.log(`${what.padEnd(46)} ${value}${beside}${goal === "" ? "" : `   goal: ${goal}`}`);
}

async function helpMs(): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < 21; run++) {
    const start = performance.now();
    await Bun.spawn(["dist/optimizer", "--help"], { stdout: "ignore" }).exited;
    times.push(performance.now() - start);
  }
  return median(times);
}
