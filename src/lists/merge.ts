import type { ListedFile } from "../formats/listed-file.ts";
import { addUp, type Completeness, isListComplete, ofOneRun, reasonsOf } from "./completeness.ts";
import { mergeOrigins } from "./origin.ts";
import type { Merged, Run } from "./run.ts";
import { medianRank, medianUs, rememberedRuns, type Sightings, settle, TIME_UNKNOWN } from "./sightings.ts";

const LAYER_UNKNOWN = -1;

/** A list of several runs. */
export interface MergedRun extends Run {
  readonly merged: Merged;
}

/** What the runs said of one file so far. */
interface Merging {
  readonly path: string;
  sizeBytes: number | undefined;
  layer: number;
  hits: number;
  readonly sightings: number[];
}

/** One file with what it is ordered by. */
interface Ranked {
  readonly file: Merging;
  readonly sightings: Sightings;
  /** Medians. */
  readonly rank: number;
  readonly us: number;
}

/**
 * One list out of several: first the files that all runs opened, then those that fewer did; among equals the median place
 * decides, then the median time, then the bytes of the path. The order of `runs` does not matter. Merged lists
 * remember their runs, so that merging them is merging the runs (exactly, up to 64 of them, or fewer for lists of more than
 * 125 000 files). `minRuns` tells how many of so many runs must have opened a file; the list is complete when so many
 * runs are.
 */
export function mergeRuns(runs: readonly Run[], minRuns: (all: number) => number = () => 1): MergedRun {
  const byPath = new Map<string, Merging>();
  for (const run of runs) collect(run, byPath);
  const all = runs.reduce((sum, { merged }) => sum + (merged?.runs ?? 1), 0);
  const wanted = minRuns(all);
  const remembered = rememberedRuns(byPath.size);
  const ranked: Ranked[] = [];
  for (const file of byPath.values()) {
    if (file.hits < wanted) continue;
    const sightings = settle(file.sightings, remembered);
    ranked.push({ file, sightings, rank: medianRank(sightings), us: medianUs(sightings) });
  }
  ranked.sort(inOrder);
  const completeness = addUp(runs.map(completenessOf));
  const complete = isListComplete(completeness, wanted);
  return {
    files: ranked.map(toFile),
    merged: {
      runs: all,
      completeness,
      hits: ranked.map(({ file }) => file.hits),
      sightings: ranked.map(({ sightings }) => sightings),
    },
    origin: {
      ...mergeOrigins(runs.map(({ origin }) => origin)),
      complete,
      trouble: complete ? [] : reasonsOf(completeness),
    },
  };
}

function completenessOf({ merged, origin: { complete, trouble } }: Run): Completeness {
  return merged?.completeness ?? ofOneRun(complete, trouble);
}

function collect({ files, merged }: Run, byPath: Map<string, Merging>): void {
  files.forEach(({ path, sizeBytes, elapsedUs = TIME_UNKNOWN, layer = LAYER_UNKNOWN }, rank) => {
    const hits = merged?.hits[rank] ?? 1;
    const sightings = merged?.sightings[rank];
    const known = byPath.get(path);
    if (known === undefined) {
      const own = sightings === undefined ? [rank, elapsedUs] : [...sightings];
      byPath.set(path, { path, sizeBytes, layer, hits, sightings: own });
      return;
    }
    known.hits += hits;
    if (sightings === undefined) known.sightings.push(rank, elapsedUs);
    else known.sightings.push(...sightings);
    if (sizeBytes !== undefined) known.sizeBytes = Math.max(sizeBytes, known.sizeBytes ?? 0);
    if (layer !== known.layer) known.layer = LAYER_UNKNOWN;
  });
}

function toFile({ file: { path, sizeBytes, layer }, us }: Ranked): ListedFile {
  return {
    path,
    sizeBytes,
    elapsedUs: us === TIME_UNKNOWN ? undefined : us,
    layer: layer === LAYER_UNKNOWN ? undefined : layer,
  };
}

function inOrder(a: Ranked, b: Ranked): number {
  return b.file.hits - a.file.hits || a.rank - b.rank || a.us - b.us || (a.file.path < b.file.path ? -1 : 1);
}
