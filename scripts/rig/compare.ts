/** How well a list agrees with what is known to be right. */
export interface Agreement {
  /** The part of the right files that is listed. */
  readonly recall: number;
  /** The part of the list that is right. */
  readonly precision: number;
  /** Kendall's tau of the order of the files that both have: 1 the same, -1 the reverse. */
  readonly tau: number;
  /** Right files that are not listed, and listed ones that are not right. */
  readonly missing: readonly string[];
  readonly surplus: readonly string[];
}

/** Compares a list with the right one. Neither may have a path twice: that is an error of its own, and throws. */
export function compareLists(list: readonly string[], right: readonly string[]): Agreement {
  const [listed, expected] = [toPositions(list), toPositions(right)];
  const common = list.flatMap((path) => expected.get(path) ?? []);
  return {
    recall: right.length === 0 ? 1 : common.length / right.length,
    precision: list.length === 0 ? 1 : common.length / list.length,
    tau: kendallTau(common),
    missing: right.filter((path) => !listed.has(path)),
    surplus: list.filter((path) => !expected.has(path)),
  };
}

function toPositions(list: readonly string[]): Map<string, number> {
  const positions = new Map(list.map((path, position) => [path, position]));
  if (positions.size < list.length) {
    const twice = list.find((path, position) => positions.get(path) !== position);
    throw new Error(`Cannot compare a list that has ${JSON.stringify(twice)} twice`);
  }
  return positions;
}

/** Kendall's tau between a sequence of distinct numbers and their ascending order. 1 for fewer than two. */
export function kendallTau(sequence: readonly number[]): number {
  const pairs = (sequence.length * (sequence.length - 1)) / 2;
  return pairs === 0 ? 1 : 1 - (2 * sortAndCount([...sequence])) / pairs;
}

/** Sorts by merging, and returns how many pairs stood in the wrong order. */
function sortAndCount(values: number[]): number {
  if (values.length < 2) return 0;
  const left = values.slice(0, values.length >> 1);
  const right = values.slice(values.length >> 1);
  let inversions = sortAndCount(left) + sortAndCount(right);
  for (let at = 0, l = 0, r = 0; at < values.length; at++) {
    const [first, second] = [left[l] ?? Number.POSITIVE_INFINITY, right[r] ?? Number.POSITIVE_INFINITY];
    if (first <= second) {
      values[at] = first;
      l++;
    } else {
      values[at] = second;
      r++;
      inversions += left.length - l; // it was behind all of those
    }
  }
  return inversions;
}
