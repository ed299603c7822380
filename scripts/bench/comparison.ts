import type { Pass, Program } from "./held.ts";
import { type Contestant, compare, type Pair } from "./rounds.ts";
import type { Setup } from "./setup.ts";
import { median, sum } from "./statistics.ts";
import { formatCount, formatMs, printSection } from "./table.ts";
import type { Outcome } from "./tracer.ts";

/** A program that all tracers watch in turn, and what is expected of them. */
export interface ComparisonSection {
  readonly title: string;
  readonly program: Program;
  readonly rounds: number;
  readonly contestants: readonly Contestant[];
  /** The files that are really opened, or how many those are. */
  readonly truth: ReadonlySet<string> | number;
  readonly slowdownMax: number;
  /** Also tells the slowdown of all passes but the first, and means that one with the goal. */
  readonly steady?: boolean;
  readonly notes?: readonly string[];
}

const CPU_OF_FLOOR_MAX = 1.5;

/** Runs a comparison and prints its table. */
export async function printComparison(section: ComparisonSection, { scratch }: Setup): Promise<void> {
  const { title, program, rounds, contestants, truth, slowdownMax, steady = false, notes } = section;
  const all = await compare({ program, contestants, rounds, scratch });
  const cpus = contestants.map(({ program: own = program }, index) =>
    median((all[index] ?? []).map(({ outcome }) => ((outcome.cpuMs ?? 0) * program.passes) / own.passes)),
  );
  const floorCpu = cpus[contestants.findIndex(({ tracer }) => tracer.name === "C floor")] ?? Number.NaN;
  const row = ({ tracer }: Contestant, index: number): string[] => {
    const pairs = all[index] ?? [];
    if (pairs.length === 0) return [tracer.name, "cannot see it"];
    const cpu = cpus[index] ?? Number.NaN;
    const time = formatMs(median(pairs.map(({ outcome }) => mean(outcome, "ms") * program.passes)));
    const isWatched = pairs.some(({ outcome }) => outcome.cpuMs !== undefined);
    if (!isWatched) return [tracer.name, `${pairs.length}`, time];
    return [
      tracer.name,
      `${pairs.length}`,
      time,
      ratio(pairs, "ms").toFixed(3),
      ...(steady ? [ratio(pairs, "ms", 1).toFixed(3)] : []),
      ratio(pairs, "cpuMs").toFixed(3),
      formatMs(cpu),
      (cpu / floorCpu).toFixed(2),
      formatCount(Math.max(...pairs.map(({ outcome }) => missed(outcome, truth)))),
    ];
  };
  const goal = `<= ${slowdownMax.toFixed(2)}`;
  const total = typeof truth === "number" ? truth : truth.size;
  printSection(
    title,
    [
      [
        "",
        "runs",
        "time",
        "slowdown",
        ...(steady ? ["from pass 2"] : []),
        "its CPU",
        "tracer CPU",
        "/ floor",
        "missed",
      ],
      ...contestants.map(row),
      [
        "goal",
        "",
        "",
        ...(steady ? ["", goal] : [goal]),
        "",
        "",
        `<= ${CPU_OF_FLOOR_MAX}`,
        `0 of ${formatCount(total)}`,
      ],
    ],
    notes,
  );
}

/** How many times as much a pass takes as in the same round with nobody watching. */
function ratio(pairs: readonly Pair[], what: keyof Pass, fromPass = 0): number {
  return median(
    pairs.map(({ baseline, outcome }) => mean(outcome, what, fromPass) / mean(baseline, what, fromPass)),
  );
}

function mean({ passes }: Outcome, what: keyof Pass, fromPass = 0): number {
  const values = passes.slice(fromPass).map((pass) => pass[what]);
  return sum(values) / values.length;
}

function missed({ found = 0 }: Outcome, truth: ReadonlySet<string> | number): number {
  if (typeof truth !== "number" && typeof found !== "number") return truth.difference(found).size;
  const [expected, told] = [truth, found].map((files) => (typeof files === "number" ? files : files.size));
  return Math.max(0, (expected ?? 0) - (told ?? 0));
}
