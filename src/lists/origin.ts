import type { Counts } from "../formats/provenance.ts";
import type { Origin } from "./run.ts";

/** Where a merged list comes from: what all agree on, and sums. The order of the origins does not matter. */
export function mergeOrigins(origins: readonly Origin[]): Omit<Origin, "complete" | "trouble"> {
  return {
    reference: agreed(origins.map(({ reference }) => reference)),
    name: agreed(origins.map(({ name }) => name)),
    digest: agreed(origins.map(({ digest }) => digest)),
    layerCount: agreed(origins.map(({ layerCount }) => layerCount)),
    startedAt: extreme(
      origins.map(({ startedAt }) => startedAt),
      Math.min,
    ),
    endedAt: extreme(
      origins.map(({ endedAt }) => endedAt),
      Math.max,
    ),
    // One reason will do, the same whatever the order.
    unfiltered: origins.flatMap(({ unfiltered }) => unfiltered ?? []).sort()[0],
    counts: sum(origins.map(({ counts }) => counts)),
  };
}

function agreed<T>(values: readonly T[]): T | undefined {
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}

function extreme(
  dates: readonly (Date | undefined)[],
  choose: (...ms: number[]) => number,
): Date | undefined {
  const known = dates.filter((date) => date !== undefined).map((date) => date.getTime());
  return known.length === 0 ? undefined : new Date(choose(...known));
}

function sum(all: readonly Partial<Counts>[]): Partial<Counts> {
  const total: Partial<Counts> = {};
  for (const counts of all) {
    for (const key of Object.keys(counts) as (keyof Counts)[]) {
      total[key] = (total[key] ?? 0) + (counts[key] ?? 0);
    }
  }
  return total;
}
