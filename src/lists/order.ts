/** How much two orders of the same things have in common. */
export interface OrderDifference {
  /** Kendall's tau: 1 the same order, -1 the reverse; 1 where there is nothing to compare. */
  readonly tau: number;
  /** How many must be put elsewhere to make one order the other. */
  readonly moved: number;
}

/** `places`: for each thing in its first order, its place in the second one; no place twice. O(n log n). */
export function compareOrder(places: readonly number[]): OrderDifference {
  const count = places.length;
  const pairs = (count * (count - 1)) / 2;
  return {
    tau: pairs === 0 ? 1 : 1 - (2 * countInversions(places)) / pairs,
    moved: count - longestRise(places),
  };
}

/** Pairs that stand the other way round, counted while sorting by merging. */
function countInversions(places: readonly number[]): number {
  let from = Float64Array.from(places);
  let to = new Float64Array(places.length);
  let inversions = 0;
  for (let width = 1; width < places.length; width *= 2) {
    for (let start = 0; start < places.length; start += 2 * width) {
      const middle = Math.min(start + width, places.length);
      const end = Math.min(start + 2 * width, places.length);
      let left = start;
      let right = middle;
      for (let at = start; at < end; at++) {
        const takeLeft = right >= end || (left < middle && (from[left] ?? 0) <= (from[right] ?? 0));
        if (!takeLeft) inversions += middle - left;
        to[at] = from[takeLeft ? left++ : right++] ?? 0;
      }
    }
    [from, to] = [to, from];
  }
  return inversions;
}

/** The length of the longest subsequence that rises: what can stay where it is. */
function longestRise(places: readonly number[]): number {
  /** For each length, the least end of a rise of that length. */
  const ends: number[] = [];
  for (const place of places) {
    let low = 0;
    let high = ends.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ends[middle] ?? 0) < place) low = middle + 1;
      else high = middle;
    }
    ends[low] = place;
  }
  return ends.length;
}
