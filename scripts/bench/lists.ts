import { join } from "node:path";
import { csvHeader } from "../../src/formats/csv.ts";
import { listFormats } from "../../src/formats/formats.ts";
import { random } from "../../test/helpers/random.ts";
import { remove } from "./scratch.ts";
import type { Setup } from "./setup.ts";
import { median } from "./statistics.ts";
import { formatCount, formatMiB, formatMs, printSection } from "./table.ts";

const FILES = 1_000_000;
const ROUNDS = 3;
const PROGRAM = join(import.meta.dir, "../../dist/optimizer");

/** What it takes to work on lists of a million files. */
export async function printLists({ scratch }: Setup): Promise<void> {
  const folder = scratch.make("lists");
  const [a, b] = [join(folder, "a:1"), join(folder, "b:1")];
  await writeResult(a, 1);
  await writeResult(b, 2);
  const output = join(folder, "out");
  const commands: [what: string, words: string[]][] = [
    ...Object.keys(listFormats).map((format): [string, string[]] => [
      `export --format ${format}`,
      ["export", a, "--format", format, "--node-path", "/list", "-o", output],
    ]),
    ["merge A B", ["merge", a, b, "-o", output]],
    ["merge MERGED A", ["merge", output, a, "-o", output]],
    ["diff A B", ["diff", a, b]],
  ];
  const rows: string[][] = [];
  for (const [what, words] of commands) {
    process.stderr.write(`\r\x1b[K${what}`);
    const runs: Cost[] = [];
    for (let round = 0; round < ROUNDS; round++) runs.push(await measure(words));
    rows.push([
      what,
      formatMs(median(runs.map(({ ms }) => ms))),
      formatMs(median(runs.map(({ cpuMs }) => cpuMs))),
      formatMiB(median(runs.map(({ peakBytes }) => peakBytes))),
    ]);
  }
  process.stderr.write("\r\x1b[K");
  remove(folder);
  printSection(`Lists of ${formatCount(FILES)} files, median of ${ROUNDS}`, [
    ["", "time", "CPU", "memory, peak"],
    ...rows,
  ]);
}

interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  readonly peakBytes: number;
}

async function measure(words: readonly string[]): Promise<Cost> {
  const startMs = performance.now();
  const child = Bun.spawn([PROGRAM, ...words], { stdio: ["ignore", "ignore", "pipe"] });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${words.join(" ")} failed: ${said}`);
  const usage = child.resourceUsage();
  return {
    ms: performance.now() - startMs,
    cpuMs: Number(usage?.cpuTime.total ?? 0) / 1000,
    peakBytes: usage?.maxRSS ?? 0,
  };
}

/** A result as the plugin writes it. Nine of ten files are the same for all seeds, their order is a little different. */
async function writeResult(path: string, seed: number): Promise<void> {
  const next = random(seed);
  const paths = Array.from({ length: FILES }, (_, index) => {
    const name = next() < 0.1 ? `own-${seed}-${index}` : `module-${index}`;
    return `/usr/lib/python3/dist-packages/package${index % 997}/${name}.py`;
  });
  for (let index = 1; index < FILES; index++) {
    const before = paths[index - 1];
    if (next() < 0.1 && before !== undefined) [paths[index - 1], paths[index]] = [paths[index] ?? "", before];
  }
  const layers = paths.map((_, index) => index % 7);
  const record = {
    version: 1,
    complete: true,
    state: "ended",
    reason: "container stopped",
    trouble: [],
    image: { reference: "docker.io/library/big:1", name: "big:1", digest: `sha256:${"ab".repeat(32)}` },
    started: "2026-11-24T00:00:00.000Z",
    ended: "2026-11-24T00:01:00.000Z",
    counts: { listed: FILES },
    layerCount: 7,
    layers,
  };
  await Bun.write(path, `${paths.join("\n")}\n`);
  await Bun.write(`${path}.csv`, csvHeader + paths.map((each, at) => `${each},${each.length * 31},${at * 7}\n`).join(""));
  await Bun.write(`${path}.json`, JSON.stringify(record));
}
