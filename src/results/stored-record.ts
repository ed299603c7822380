import type { Counts } from "../formats/provenance.ts";
import { addUp, type Completeness, countRuns, ofOneRun } from "../lists/completeness.ts";
import type { Merged } from "../lists/run.ts";

/** What could be read of a result's json. Whatever is missing or of another type is undefined. */
export interface StoredRecord {
  readonly reference?: string | undefined;
  /** Of the image, as users write it. */
  readonly name?: string | undefined;
  readonly digest?: string | undefined;
  readonly container?: { readonly id?: string | undefined; readonly name?: string | undefined } | undefined;
  readonly pod?: { readonly name?: string | undefined; readonly namespace?: string | undefined } | undefined;
  readonly runtime?:
    | { readonly name?: string | undefined; readonly version?: string | undefined }
    | undefined;
  readonly kernel?: string | undefined;
  readonly optimizer?: string | undefined;
  readonly startedAt?: Date | undefined;
  readonly endedAt?: Date | undefined;
  readonly state: "recording" | "ended";
  readonly reason?: string | undefined;
  readonly complete?: boolean | undefined;
  readonly trouble: readonly string[];
  /** Why files of the image were not told from others, if they were not. */
  readonly unfiltered?: string | undefined;
  readonly counts: Partial<Counts>;
  readonly queuePeak?: number | undefined;
  readonly layerCount?: number | undefined;
  /** For each line of the list, the layer; -1 unknown. */
  readonly layers?: readonly number[] | undefined;
  /** Of a merged list. */
  readonly merged?: Merged | undefined;
}

/** A record, or why there is none. */
export type ParsedRecord = StoredRecord | "not JSON" | "not a record of this program";

/** Reads the text of a json file. Never throws: it may be anything. */
export function parseRecord(text: string): ParsedRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "not JSON";
  }
  const record = fields(value);
  const state = record["state"];
  if (state !== "recording" && state !== "ended") return "not a record of this program";
  const image = fields(record["image"]);
  const filter = fields(record["filter"]);
  const layers = record["layers"];
  const ended = {
    complete: typeof record["complete"] === "boolean" ? record["complete"] : undefined,
    trouble: strings(record["trouble"]),
  };
  return {
    reference: asText(image["reference"]),
    name: asText(image["name"]),
    digest: asText(image["digest"]),
    container: texts(record["container"]),
    pod:
      fields(record["container"])["pod"] === undefined
        ? undefined
        : texts(fields(record["container"])["pod"]),
    runtime: texts(record["runtime"]),
    kernel: asText(record["kernel"]),
    optimizer: asText(record["optimizer"]),
    startedAt: date(record["started"]),
    endedAt: date(record["ended"]),
    state,
    reason: asText(record["reason"]),
    ...ended,
    unfiltered: filter["kind"] === "none" ? (asText(filter["why"]) ?? "") : undefined,
    counts: Object.fromEntries(
      Object.entries(fields(record["counts"])).filter(([, count]) => number(count) !== undefined),
    ),
    queuePeak: number(record["queuePeak"]),
    layerCount: number(record["layerCount"]),
    layers: isIntegers(layers) ? layers : undefined,
    merged: mergedOf(fields(record["merged"]), ended),
  };
}

function mergedOf(
  { runs, hits, sightings, completeRuns, incomplete }: Readonly<Record<string, unknown>>,
  whole: Pick<StoredRecord, "complete" | "trouble">,
): Merged | undefined {
  if (number(runs) === undefined || !isIntegers(hits) || !Array.isArray(sightings)) return undefined;
  const completeness = completenessOf(completeRuns, incomplete, Number(runs)) ?? earlier(whole, Number(runs));
  const areSightings = sightings.every(
    (each) => isIntegers(each) && each.length > 0 && each.length % 2 === 0,
  );
  return areSightings && hits.length === sightings.length
    ? { runs: Number(runs), completeness, hits, sightings }
    : undefined;
}

/** Undefined when it is not told, or cannot be right. */
function completenessOf(complete: unknown, incomplete: unknown, runs: number): Completeness | undefined {
  if (number(complete) === undefined || !Array.isArray(incomplete)) return undefined;
  const sets = incomplete
    .map(fields)
    .map((set) => ({ runs: number(set["runs"]) ?? 0, reasons: strings(set["reasons"]) }));
  const known = addUp([{ complete: Number(complete), incomplete: sets }]);
  return known.complete + countRuns(known.incomplete) <= runs ? known : undefined;
}

/** Earlier versions told it of all runs at once: any of them made the list incomplete. */
function earlier(
  { complete, trouble }: Pick<StoredRecord, "complete" | "trouble">,
  runs: number,
): Completeness {
  return complete === true ? { complete: runs, incomplete: [] } : ofOneRun(complete, trouble);
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function isIntegers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isInteger);
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Only what is text of it. */
function texts(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(fields(value)).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function asText(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}

function date(value: unknown): Date | undefined {
  const parsed = typeof value === "string" ? new Date(value) : undefined;
  return parsed === undefined || Number.isNaN(parsed.getTime()) ? undefined : parsed;
}
