import { type PluginOutcome, watchWithPlugin } from "./plugin.ts";
import { remove } from "./scratch.ts";
import type { Setup } from "./setup.ts";
import { sum } from "./statistics.ts";
import { type StormOptions, storm } from "./storm.ts";
import { formatCount, formatMiB, formatMs, printSection } from "./table.ts";
import { untraced } from "./untraced.ts";

const STORMS: readonly StormOptions[] = [
  { files: 1_000_000, threads: 4, passes: 1, fileBytes: 0 },
  { files: 20_000, threads: 4, passes: 500, fileBytes: 0 },
];
const BYTES_A_FILE_MAX = 200;

/** What becomes of the plugin when there is very much to see. Run once, not against others. */
export async function printScale({ scratch }: Setup): Promise<void> {
  const outcomes: PluginOutcome[] = [];
  for (const options of STORMS) {
    const program = storm(scratch, options);
    process.stderr.write(`\r\x1b[K${formatCount(options.files)} files`);
    await untraced.watch(
      { ...program, command: (folder) => program.command(folder).with(-1, "1"), passes: 1 },
      scratch,
    );
    outcomes.push(await watchWithPlugin(program, scratch));
    for (const layer of program.layers) remove(layer);
  }
  process.stderr.write("\r\x1b[K");
  const row = (what: string, tell: (outcome: PluginOutcome) => string, goal = "") => [
    what,
    ...outcomes.map(tell),
    goal,
  ];
  printSection("Scale, by four threads, once", [
    ["files", ...STORMS.map(({ files }) => formatCount(files)), "goal"],
    ["opens", ...STORMS.map(({ files, passes }) => formatCount(files * passes)), ""],
    row("time of the workload", ({ passes }) => formatMs(sum(passes.map(({ ms }) => ms)))),
    row("files listed", ({ found }) => formatCount(found.size), "all"),
    row("complete", ({ record }) => (record.complete ? "yes" : "no"), "yes"),
    row("overflows", ({ record }) => `${record.counts.overflows}`, "0"),
    row("events that reached the recorder", ({ record }) => formatCount(record.counts.events)),
    row("kernel's queue, peak", ({ record }) => formatCount(record.queuePeak)),
    row("tracer CPU", ({ cpuMs }) => formatMs(cpuMs)),
    row("memory, idle", ({ idleBytes }) => formatMiB(idleBytes)),
    row("memory, peak", ({ peakBytes }) => formatMiB(peakBytes)),
    row("peak above idle, a listed file", bytesAFile, `<= ${BYTES_A_FILE_MAX} B`),
    row("memory, after", ({ afterBytes }) => formatMiB(afterBytes)),
    row("StopContainer answered after", ({ answerMs }) => formatMs(answerMs)),
    row("result complete after", ({ completeMs }) => formatMs(completeMs)),
  ]);
}

function bytesAFile({ peakBytes, idleBytes, found }: PluginOutcome): string {
  return `${((peakBytes - idleBytes) / found.size).toFixed(0)} B`;
}
