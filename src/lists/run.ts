import type { ListedFile } from "../formats/listed-file.ts";
import type { Counts } from "../formats/provenance.ts";
import type { Completeness } from "./completeness.ts";
import type { Sightings } from "./sightings.ts";

/** A list, and what is known of how it came about: one run of a workload, or several that were merged. */
export interface Run {
  /** In order of first access. Some may have a newline in their path. */
  readonly files: readonly ListedFile[];
  /** Of a merged list: how many runs are in it, and what they say of each file. */
  readonly merged?: Merged | undefined;
  readonly origin: Origin;
}

/** What several runs say of the files of their merged list. */
export interface Merged {
  readonly runs: number;
  readonly completeness: Completeness;
  /** For each file, in how many runs it was opened. */
  readonly hits: readonly number[];
  /** For each file, where and when. */
  readonly sightings: readonly Sightings[];
}

/** Where a list comes from. What is not known is undefined. */
export interface Origin {
  readonly reference?: string | undefined;
  readonly name?: string | undefined;
  readonly digest?: string | undefined;
  readonly layerCount?: number | undefined;
  readonly startedAt?: Date | undefined;
  readonly endedAt?: Date | undefined;
  /** Whether it has all that was opened; of several runs, see isListComplete(). */
  readonly complete?: boolean | undefined;
  /** Named reasons why it may have holes; none of a complete one. */
  readonly trouble: readonly string[];
  /** Why it has files made at run time as well, if it has; empty where nothing tells why. */
  readonly unfiltered?: string | undefined;
  readonly counts: Partial<Counts>;
}
