import { formatReference, parseReference } from "../image/reference.ts";
import { nearest } from "../nearest.ts";
import { imagePart, otherName } from "../record/result-name.ts";
import type { StoredResult } from "./find-results.ts";
import type { StoredRecord } from "./stored-record.ts";

/** More candidates than a screen has lines help nobody. */
const CANDIDATES_MAX = 20;

/**
 * Finds a result by what a user calls it: its name, any form of the image's reference, its digest, the name
 * of a container whose image has none. An image's own result wins over those of its workloads. Throws an Error that
 * tells the nearest name, or the candidates where there are several.
 */
export function findName(
  wanted: string,
  results: readonly StoredResult[],
  recordOf: (result: StoredResult) => StoredRecord | string,
): StoredResult {
  const names = namesOf(wanted);
  for (const own of names) {
    const exact = results.find(({ name }) => name === own);
    if (exact !== undefined) return exact;
  }
  const ofImage = results.filter(({ name }) => names.includes(imagePart(name)));
  const found = ofImage.length > 0 ? ofImage : findByDigest(wanted, results, recordOf);
  const [first, ...more] = found;
  if (first === undefined) throw new Error(notFound(wanted, names, results));
  const own = found.find(({ name }) => imagePart(name) === name);
  if (own === undefined && more.length > 0) throw new Error(ambiguous(wanted, found));
  return own ?? first;
}

function notFound(wanted: string, names: readonly string[], results: readonly StoredResult[]): string {
  const known = results.map(({ name }) => imagePart(name));
  const near = findOtherTag(wanted, known) ?? nearest(familiarOf(wanted)[0] ?? names[1] ?? wanted, known);
  const cure = near === undefined ? "optimizer list shows all" : `did you mean ${JSON.stringify(near)}?`;
  return `No result has the name ${JSON.stringify(wanted)}; ${cure}`;
}

function ambiguous(wanted: string, candidates: readonly StoredResult[]): string {
  const lines = candidates
    .slice(0, CANDIDATES_MAX)
    .map(({ name }) => `  ${JSON.stringify(name).slice(1, -1)}`);
  const more = candidates.length - lines.length;
  return [
    `${JSON.stringify(wanted)} has ${candidates.length} results; name one of them:`,
    ...lines,
    ...(more > 0 ? [`  and ${more} more, which optimizer list shows`] : []),
  ].join("\n");
}

/** Names under which it may be, latin1 as those on disk are, those first that it may be typed for. */
function namesOf(wanted: string): string[] {
  const typed = Buffer.from(wanted).toString("latin1").replace(/\/+$/, "");
  const own = [typed, `_unnamed/${typed}`, ...familiarOf(wanted)];
  return [...own, ...own.flatMap((name) => otherName(name) ?? [])];
}

/** The usual name of an image, if it is one. */
function familiarOf(wanted: string): string[] {
  const image = parseReference(wanted.replace(/^[a-z+-]+:\/\//, "")); // docker://, as skopeo has it
  return image === undefined ? [] : [formatReference(image)];
}

/** A name of the same image with another tag. */
function findOtherTag(wanted: string, known: readonly string[]): string | undefined {
  const familiar = parseReference(wanted)?.familiarName;
  if (familiar === undefined) return undefined;
  return known.find((name) => parseReference(name)?.familiarName === familiar);
}

/** With a tag the digest is in the record only. */
function findByDigest(
  wanted: string,
  results: readonly StoredResult[],
  recordOf: (result: StoredResult) => StoredRecord | string,
): StoredResult[] {
  const [image, digest] = wanted.split("@", 2);
  const hash = digest ?? (/^[a-z0-9]+:[0-9a-f]{32,}$/.test(wanted) ? wanted : undefined);
  if (hash === undefined) return [];
  const familiar = digest === undefined ? undefined : parseReference(image ?? "")?.familiarName;
  return results.filter((result) => {
    const record = recordOf(result);
    if (typeof record === "string" || record.digest !== hash) return false;
    return familiar === undefined || parseReference(record.reference ?? "")?.familiarName === familiar;
  });
}
