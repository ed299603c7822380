import { formatReference, parseReference } from "../image/reference.ts";
import { nearest } from "../nearest.ts";
import type { StoredResult } from "./find-results.ts";
import type { StoredRecord } from "./stored-record.ts";

/**
 * Finds a result by what a user calls it: its name, any form of the image's reference, its digest, the name
 * of a container whose image has none. Throws an Error that tells the nearest name.
 */
export function findName(
  wanted: string,
  results: readonly StoredResult[],
  recordOf: (result: StoredResult) => StoredRecord | string,
): StoredResult {
  const names = namesOf(wanted);
  const found = results.find(({ name }) => names.includes(name)) ?? findByDigest(wanted, results, recordOf);
  if (found !== undefined) return found;
  const near =
    findOtherTag(wanted, results) ??
    nearest(
      names.at(-1) ?? wanted,
      results.map(({ name }) => name),
    );
  const cure = near === undefined ? "optimizer list shows all" : `did you mean ${JSON.stringify(near)}?`;
  throw new Error(`No result has the name ${JSON.stringify(wanted)}; ${cure}`);
}

/** Names under which it may be, latin1 as those on disk are; the most usual one last. */
function namesOf(wanted: string): string[] {
  const typed = Buffer.from(wanted).toString("latin1").replace(/\/+$/, "");
  const image = parseReference(wanted.replace(/^[a-z+-]+:\/\//, "")); // docker://, as skopeo has it
  return [typed, `_unnamed/${typed}`, ...(image === undefined ? [] : [formatReference(image)])];
}

/** A name of the same image with another tag. */
function findOtherTag(wanted: string, results: readonly StoredResult[]): string | undefined {
  const familiar = parseReference(wanted)?.familiarName;
  if (familiar === undefined) return undefined;
  return results.find(({ name }) => parseReference(name)?.familiarName === familiar)?.name;
}

/** With a tag the digest is in the record only. */
function findByDigest(
  wanted: string,
  results: readonly StoredResult[],
  recordOf: (result: StoredResult) => StoredRecord | string,
): StoredResult | undefined {
  const [image, digest] = wanted.split("@", 2);
  const hash = digest ?? (/^[a-z0-9]+:[0-9a-f]{32,}$/.test(wanted) ? wanted : undefined);
  if (hash === undefined) return undefined;
  const familiar = digest === undefined ? undefined : parseReference(image ?? "")?.familiarName;
  return results.find((result) => {
    const record = recordOf(result);
    if (typeof record === "string" || record.digest !== hash) return false;
    return familiar === undefined || parseReference(record.reference ?? "")?.familiarName === familiar;
  });
}
