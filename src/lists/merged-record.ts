import { isListable } from "../formats/list.ts";
import { countRuns } from "./completeness.ts";
import type { MergedRun } from "./merge.ts";
import type { Merged } from "./run.ts";

/**
 * The json of a merged list: the fields of a single run's, as far as they make sense for several, and what later
 * merges need: `merged.completeRuns` and `merged.incompleteRuns` of `merged.runs` (of the rest nothing is known), and
 * in `merged.incomplete` how many of the latter were incomplete for which reasons. `complete` is true when there are enough
 * complete runs, and then `trouble` is empty. `merged.hits` and `merged.sightings` have an entry for each row of the table, `layers` for each line of
 * the list.
 */
export function formatMergedRecord({ files, merged, origin }: MergedRun, optimizer: string): string {
  const listed = files.filter(({ path }) => isListable(path));
  const { reference, name, digest, startedAt, endedAt, complete, trouble } = origin;
  const { unfiltered, counts, layerCount } = origin;
  const head = {
    version: 1,
    complete: complete ?? null,
    state: "ended",
    reason: "merged",
    trouble,
    image: { reference: reference ?? "", name, digest },
    optimizer,
    started: startedAt?.toISOString() ?? null,
    ended: endedAt?.toISOString() ?? null,
    // One run is enough to bring such files into the list.
    ...(unfiltered === undefined ? {} : { filter: { kind: "none", why: unfiltered } }),
    counts: {
      ...counts,
      listed: listed.length,
      listedBytes: listed.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
      unlistable: files.length - listed.length,
    },
    layerCount: layerCount ?? null,
  };
  const text = JSON.stringify(head, null, 2).slice(0, -2);
  const layers = layerCount === undefined ? null : listed.map(({ layer = -1 }) => layer);
  // Long lists of numbers: not a line each.
  return `${text},\n  "merged": ${mergedText(merged)},\n  "layers": ${JSON.stringify(layers)}\n}\n`;
}

function mergedText({ runs, completeness: { complete, incomplete }, hits, sightings }: Merged): string {
  const counts = { runs, completeRuns: complete, incompleteRuns: countRuns(incomplete) };
  return JSON.stringify({ ...counts, incomplete, hits, sightings });
}
