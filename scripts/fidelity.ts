import { join } from "node:path";
import { compareLists } from "./rig/compare.ts";
import type { ContainerdVersion } from "./rig/containerd.ts";
import { observeWorkload, type RecordedRun, recordWorkload, TAU_MIN } from "./rig/fidelity.ts";
import { Host } from "./rig/host.ts";
import { Images } from "./rig/images.ts";
import { fetchPackages, fetchZooPackages } from "./rig/packages.ts";
import { currentRun, runSandboxed } from "./rig/sandbox.ts";
import { makeWorkload, WORKLOADS, type Workload, type WorkloadName } from "./rig/zoo.ts";

/**
 * Compares what the plugin lists with what strace sees, for every workload of the zoo or those that are named on the
 * command line, in real containerds. Prints a table, then each difference. Exit code 1 when a target is missed.
 */

const RUNS = { "2.1": 5, "1.7": 1 } as const satisfies Record<ContainerdVersion, number>;
/** The oracle itself is run this often: a workload that is not the same each time says nothing of the plugin. */
const ORACLE_RUNS = 2;
const SHOWN_MAX = 10;

const COLUMNS = [
  ["containerd", 10],
  ["workload", 10],
  ["runs", 5],
  ["oracle", 7],
  ["listed", 7],
  ["recall", 7],
  ["precision", 10],
  ["tau", 8],
  ["events", 8],
  ["seconds", 8],
  ["trouble", 8],
] as const;

interface Row {
  readonly cells: readonly string[];
  readonly remarks: readonly string[];
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  if (process.env["RIG_RUN"] === undefined) {
    return runSandboxed([process.execPath, import.meta.path, ...args]);
  }
  const names = args.length === 0 ? WORKLOADS : args.map(toWorkloadName);
  const log = (line: string) => console.error(`rig: ${line}`);
  const packages = await fetchPackages(log);
  const folder = join(currentRun().folder, "images");
  const zoo = {
    images: new Images(folder, packages),
    packages,
    zooPackages: await fetchZooPackages(log),
    folder,
  };
  const workloads: Workload[] = [];
  for (const name of names) workloads.push(await makeWorkload(name, zoo));
  print(COLUMNS.map(([title]) => title));
  const remarks: string[] = [];
  for (const version of Object.keys(RUNS) as ContainerdVersion[]) {
    await using host = await Host.start({
      version,
      launch: "external",
      packages,
      config: "overwrite = true\n",
    });
    for (const workload of workloads) {
      const row = await measure(host, workload, version);
      print(row.cells);
      remarks.push(...row.remarks.map((remark) => `${workload.name} on containerd ${version}: ${remark}`));
    }
  }
  for (const remark of remarks) console.log(remark);
  return remarks.length === 0 ? 0 : 1;
}

function toWorkloadName(name: string): WorkloadName {
  const known = WORKLOADS.find((each) => each === name);
  if (known === undefined)
    throw new Error(`There is no workload "${name}": known are ${WORKLOADS.join(", ")}`);
  return known;
}

async function measure(host: Host, workload: Workload, version: ContainerdVersion): Promise<Row> {
  const start = performance.now();
  await host.containerd.importImage(workload.image);
  const [oracle = [], ...others] = await repeat(ORACLE_RUNS, () =>
    observeWorkload(host.containerd, workload),
  );
  const runs = await repeat(RUNS[version], () => recordWorkload(host, workload));
  const seconds = (performance.now() - start) / 1000;
  const agreements = runs.map(({ list }) => compareLists(list, oracle));
  const least = (of: (each: (typeof agreements)[number]) => number) => Math.min(...agreements.map(of));
  const range = (of: (run: RecordedRun) => number) => {
    const values = runs.map(of);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return low === high ? `${low}` : `${low}-${high}`;
  };
  return {
    cells: [
      version,
      workload.name,
      `${runs.length}`,
      `${oracle.length}`,
      range(({ list }) => list.length),
      round(
        least(({ recall }) => recall),
        3,
      ),
      round(
        least(({ precision }) => precision),
        3,
      ),
      round(
        least(({ tau }) => tau),
        4,
      ),
      range(({ record }) => record.counts.events),
      seconds.toFixed(1),
      runs.flatMap(({ record }) => record.trouble).join("; ") || "none",
    ],
    remarks: [
      ...others.flatMap((other) => differences("the oracle's second run", compareLists(other, oracle))),
      ...agreements.flatMap((agreement, index) => differences(`run ${index + 1}`, agreement)),
      ...agreements.flatMap(({ tau }, index) =>
        tau < TAU_MIN[workload.processes] ? [`run ${index + 1}: tau is ${tau}`] : [],
      ),
      ...runs.flatMap(({ record }, index) =>
        record.complete ? [] : [`run ${index + 1}: not complete: ${record.trouble.join("; ")}`],
      ),
    ],
  };
}

function differences(
  what: string,
  { missing, surplus }: Pick<ReturnType<typeof compareLists>, "missing" | "surplus">,
): string[] {
  return [
    ...(missing.length === 0 ? [] : [`${what} lacks ${enumerate(missing)}`]),
    ...(surplus.length === 0 ? [] : [`${what} has besides ${enumerate(surplus)}`]),
  ];
}

function enumerate(paths: readonly string[]): string {
  const shown = paths.slice(0, SHOWN_MAX).map((path) => JSON.stringify(path));
  return `${shown.join(", ")}${paths.length > SHOWN_MAX ? ` and ${paths.length - SHOWN_MAX} more` : ""}`;
}

/** Never up: 1.000 means all. */
function round(value: number, digits: number): string {
  return (Math.floor(value * 10 ** digits) / 10 ** digits).toFixed(digits);
}

async function repeat<T>(times: number, act: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  while (results.length < times) results.push(await act());
  return results;
}

function print(cells: readonly string[]): void {
  const line = COLUMNS.map(([, width], index) => (cells[index] ?? "").padStart(width)).join(" ");
  console.log(line.trimEnd());
}
