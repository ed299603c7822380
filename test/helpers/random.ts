/** Numbers from 0 to 1 that follow from the seed (mulberry32). Print the seed of a run: it brings a failure back. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A new seed for each run, or the one in TEST_SEED. */
export function testSeed(): number {
  return Number(process.env["TEST_SEED"] ?? Date.now() % 2 ** 31);
}
