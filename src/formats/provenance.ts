/** How a list came about. Written beside it as `<name>.json`; field names are a contract. */
export interface Provenance {
  readonly image: {
    /** As the runtime told it. */
    readonly reference: string;
    /** As users write it, undefined when the reference names no image. */
    readonly name?: string | undefined;
    readonly digest?: string | undefined;
  };
  readonly container: {
    readonly id: string;
    readonly name: string;
    readonly pod?: { readonly name: string; readonly namespace: string; readonly uid: string } | undefined;
  };
  readonly runtime: { readonly name: string; readonly version: string };
  /** Release of the kernel. */
  readonly kernel: string;
  /** Version of this program. */
  readonly optimizer: string;
  /** Which instance of it. */
  readonly recorder: string;
  readonly startedAt: Date;
  /** Undefined while the trace goes on. */
  readonly end?: { readonly at: Date; readonly reason: EndReason } | undefined;
  /** What went wrong, each once: named reasons why the list may have holes. */
  readonly trouble: readonly string[];
  /** Whether files that are not of the image were left out, and if not, why. */
  readonly filter: { readonly kind: "image-files" } | { readonly kind: "none"; readonly why: string };
  readonly counts: Counts;
  /** The most events that waited in the kernel's queue, of all containers traced at the time. */
  readonly queuePeak: number;
  /** Number of layers of the image, as far as its root is an overlay. */
  readonly layerCount?: number | undefined;
  /** For each line of the list, the layer it comes from; 0 is the bottom, -1 none or unknown. */
  readonly layers?: readonly number[] | undefined;
}

/** Why a trace ended. The first two leave a list of all that was to be recorded. */
export type EndReason =
  | "container stopped"
  | "timeout"
  | "connection lost"
  | "terminated"
  | "superseded"
  /** The program that recorded it was killed: written by the next one. */
  | "interrupted"
  | "failed";

/** What was seen. All but `listed` and `listedBytes` count opens, not distinct files. */
export interface Counts {
  /** Lines of the list. */
  listed: number;
  /** Sum of the sizes of the listed files. */
  listedBytes: number;
  /** Files of the image whose path has a newline: in the table, but not in the list. */
  unlistable: number;
  /** Files that the workload made itself. */
  runtime: number;
  /** Files that were gone when the event was read, and not of the image. */
  deleted: number;
  /** Directories, devices, pipes and sockets. */
  notRegular: number;
  /** Events that reached the recorder; the kernel drops most repeated ones before. */
  events: number;
  /** Times the kernel's queue was full. */
  overflows: number;
  /** Single events that the kernel could not deliver. */
  lost: number;
}

const completeReasons: ReadonlySet<EndReason> = new Set(["container stopped", "timeout"]);

/** Whether the list has all that the container opened while it was to be traced. */
export function isComplete({ end, trouble }: Pick<Provenance, "end" | "trouble">): boolean {
  return end !== undefined && completeReasons.has(end.reason) && trouble.length === 0;
}

/**
 * Whether a trace ended before its container did only because a newer container's list takes its place: that is what
 * `overwrite = true` asks for, and nothing was lost.
 */
export function isOnlySuperseded({
  reason,
  trouble,
}: {
  reason: EndReason;
  trouble: readonly string[];
}): boolean {
  return reason === "superseded" && trouble.length === 0;
}

/** The text of the file. */
export function formatProvenance(provenance: Provenance): string {
  const { startedAt, end, trouble, filter, counts, layerCount, layers, ...origin } = provenance;
  const head = {
    version: 1,
    complete: isComplete(provenance),
    ...(end === undefined ? { state: "recording" } : { state: "ended", reason: end.reason }),
    trouble,
    ...origin,
    started: startedAt.toISOString(),
    ended: end?.at.toISOString() ?? null,
    filter,
    counts,
    layerCount: layerCount ?? null,
  };
  const text = JSON.stringify(head, null, 2);
  // One number for each line of the list: not a line each.
  return `${text.slice(0, -2)},\n  "layers": ${JSON.stringify(layers ?? null)}\n}\n`;
}
