/**
 * The place in a run and the time (microseconds, -1 unknown) at which a file was first opened, for each run, one number
 * behind the other: a million files have a million of these.
 */
export type Sightings = readonly number[];

export const TIME_UNKNOWN = -1;

/** So many runs are remembered one by one; of more, quantiles that the later runs count against. */
const REMEMBERED_MAX = 64;
const REMEMBERED_MIN = 2;
/** Of all files together: of 18 bytes each they stay well below RECORD_BYTES_MAX. */
const SIGHTINGS_MAX = 8_000_000;

/** How many runs a list of so many files remembers one by one. */
export function rememberedRuns(files: number): number {
  return Math.max(REMEMBERED_MIN, Math.min(REMEMBERED_MAX, Math.floor(SIGHTINGS_MAX / files)));
}

/**
 * Sorts, in place, so that the order of the runs leaves no trace. When there are more than `remembered`, half as many are
 * left, evenly.
 */
export function settle(sightings: number[], remembered: number): Sightings {
  sortPairs(sightings);
  const count = sightings.length / 2;
  if (count <= remembered) return sightings;
  const left = Math.floor(remembered / 2);
  return Array.from({ length: left }, (_, index) => Math.floor(((index + 0.5) * count) / left)).flatMap(
    (pair) => sightings.slice(2 * pair, 2 * pair + 2),
  );
}

/** By insertion: most are few, and sorted already. */
function sortPairs(pairs: number[]): void {
  for (let end = 2; end < pairs.length; end += 2) {
    const rank = pairs[end] ?? 0;
    const us = pairs[end + 1] ?? 0;
    let at = end;
    for (; at > 0; at -= 2) {
      const rankBefore = pairs[at - 2] ?? 0;
      const usBefore = pairs[at - 1] ?? 0;
      if (rankBefore < rank || (rankBefore === rank && usBefore <= us)) break;
      pairs[at] = rankBefore;
      pairs[at + 1] = usBefore;
    }
    pairs[at] = rank;
    pairs[at + 1] = us;
  }
}

/** Of settled sightings. */
export function medianRank(sightings: Sightings): number {
  const half = sightings.length / 4;
  const upper = sightings[2 * Math.floor(half)] ?? 0;
  return Number.isInteger(half) ? ((sightings[2 * half - 2] ?? upper) + upper) / 2 : upper;
}

/** In microseconds; TIME_UNKNOWN when no run knows it. */
export function medianUs(sightings: Sightings): number {
  if (sightings.length === 2) return sightings[1] ?? TIME_UNKNOWN;
  const known = sightings.filter((value, index) => index % 2 === 1 && value !== TIME_UNKNOWN);
  known.sort((a, b) => a - b);
  const half = known.length / 2;
  const upper = known[Math.floor(half)] ?? TIME_UNKNOWN;
  return Number.isInteger(half) ? Math.round(((known[half - 1] ?? upper) + upper) / 2) : upper;
}
