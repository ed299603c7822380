import { random } from "./random.ts";

/** Ways in which the bytes of several units may arrive. Each returns the portions to push, in order. */
export type Split = (units: readonly Uint8Array[]) => Uint8Array[];

/** `units` in one buffer. */
export function concat(units: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(units.reduce((length, unit) => length + unit.byteLength, 0));
  let offset = 0;
  for (const unit of units) {
    bytes.set(unit, offset);
    offset += unit.byteLength;
  }
  return bytes;
}

/** Cuts `bytes` into portions of the lengths that `next` gives, at least 1. */
export function cut(bytes: Uint8Array, next: () => number): Uint8Array[] {
  const portions: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.byteLength; ) {
    const portion = bytes.slice(offset, offset + Math.max(1, next()));
    portions.push(portion);
    offset += portion.byteLength;
  }
  return portions;
}

/** The ways every decoder is tested with, by name. The seed of the random one is part of its name. */
export function splits(seed: number): Record<string, Split> {
  const next = random(seed);
  return {
    whole: (units) => units.map((unit) => unit.slice()),
    "byte by byte": (units) => cut(concat(units), () => 1),
    glued: (units) => [concat(units)],
    [`in random portions (seed ${seed})`]: (units) => cut(concat(units), () => Math.floor(next() * 40)),
  };
}

/** Both parts of `bytes` for each place it can be cut in two. */
export function* everyCut(bytes: Uint8Array): Generator<[Uint8Array, Uint8Array]> {
  for (let at = 0; at <= bytes.byteLength; at++) yield [bytes.slice(0, at), bytes.slice(at)];
}
