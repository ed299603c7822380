import { nearest } from "./nearest.ts";

/** What of a container a pattern can be about. */
export const patternKinds = ["image", "namespace", "pod", "container", "label"] as const;
export type PatternKind = (typeof patternKinds)[number];

/** An entry of `include` or `exclude`: `KIND=GLOB`. */
export interface Pattern {
  readonly kind: PatternKind;
  /** For matchesGlob(); of a label `KEY` or `KEY=VALUE`. */
  readonly glob: string;
}

/** Reads an entry, or says what is wrong with it, with the cure. */
export function parsePattern(entry: string): Pattern | string {
  const equals = entry.indexOf("=");
  if (equals < 0) return `no kind; write ${JSON.stringify(`image=${entry}`)}, or another of ${otherKinds}`;
  const [typed, glob] = [entry.slice(0, equals), entry.slice(equals + 1)];
  const kind = patternKinds.find((known) => known === typed);
  if (kind === undefined) {
    const near = nearest(typed, patternKinds);
    const cure =
      near === undefined
        ? `known kinds: ${patternKinds.join(", ")}`
        : `did you mean ${JSON.stringify(near)}?`;
    return `unknown kind ${JSON.stringify(typed)}; ${cure}`;
  }
  return glob === "" ? `no pattern behind ${kind}=; ${JSON.stringify(`${kind}=*`)} is any` : { kind, glob };
}

const otherKinds = patternKinds.slice(1).join(", ");

/** As it is written. */
export function formatPattern({ kind, glob }: Pattern): string {
  return `${kind}=${glob}`;
}
