/** Fails the case when something that must hold does not. */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`Does not hold: ${what}`);
}

/** Fails the case unless both are the same as JSON. */
export function checkSame(actual: unknown, expected: unknown, what: string): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  check(found === wanted, `${what}: ${found?.slice(0, 200)} is not ${wanted?.slice(0, 200)}`);
}

/** A number of things as one of few words. */
export function about(count: number): string {
  return count === 0 ? "0" : `2^${Math.floor(Math.log2(count))}`;
}

/** Text as bytes, for seeds and words. */
export function texts(...items: readonly string[]): Uint8Array[] {
  return items.map((text) => new Uint8Array(Buffer.from(text, "latin1")));
}

/** Bytes as the program's text: one character a byte. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
