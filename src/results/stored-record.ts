import type { Counts } from "../formats/provenance.ts";
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
    complete: typeof record["complete"] === "boolean" ? record["complete"] : undefined,
    trouble: Array.isArray(record["trouble"])
      ? record["trouble"].filter((each) => typeof each === "string")
      : [],
    unfiltered: filter["kind"] === "none" ? (asText(filter["why"]) ?? "") : undefined,
    counts: Object.fromEntries(
      Object.entries(fields(record["counts"])).filter(([, count]) => number(count) !== undefined),
    ),
    queuePeak: number(record["queuePeak"]),
    layerCount: number(record["layerCount"]),
    layers: isIntegers(layers) ? layers : undefined,
    merged: mergedOf(fields(record["merged"])),
  };
}

function mergedOf({ runs, hits, sightings }: Readonly<Record<string, unknown>>): Merged | undefined {
  if (number(runs) === undefined || !isIntegers(hits) || !Array.isArray(sightings)) return undefined;
  const areSightings = sightings.every(
    (each) => isIntegers(each) && each.length > 0 && each.length % 2 === 0,
  );
  return areSightings && hits.length === sightings.length
    ? { runs: Number(runs), hits, sightings }
    : undefined;
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
