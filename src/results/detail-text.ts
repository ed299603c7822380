import { formatBytes, formatDuration } from "../formats/csv.ts";
import type { ListedFile } from "../formats/listed-file.ts";
import { countRuns, reasonsOf } from "../lists/completeness.ts";
import type { Merged } from "../lists/run.ts";
import { plural } from "../plural.ts";
import { cutMiddle, paint, shown, type Terminal, wrap } from "../sys/terminal.ts";
import type { Detail } from "./detail.ts";
import { completeWord, formatSecond } from "./list-table.ts";
import type { StoredRecord } from "./stored-record.ts";

const LABEL_WIDTH = 11;
const INDENT = "  ";

/** What `optimizer show` prints of a result. */
export function formatDetail(detail: Detail, terminal: Terminal): string {
  const { summary, record, largest, layers, first, last } = detail;
  const layerCount = typeof record === "string" ? undefined : record.layerCount;
  const sections = [
    [
      paint(shown(summary.name, terminal), "bold", terminal),
      ...facts(detail).flatMap(([label, text]) => factLines(label, text, terminal)),
    ],
    section(
      "Largest files",
      largest.map((file) => fileLine(file, "size", terminal)),
      terminal,
    ),
    section(
      "By layer",
      layers.map(({ layer, files, bytes }) => {
        const of = layerCount === undefined ? "" : ` of ${layerCount}`;
        const name = layer < 0 ? "no layer known" : `layer ${layer + 1}${of}`;
        return `${formatBytes(bytes).padStart(10)}  ${name}, ${plural(files, "file")}`;
      }),
      terminal,
    ),
    section(
      "First files",
      first.map((file) => fileLine(file, "elapsed", terminal)),
      terminal,
    ),
    section(
      "Last files",
      last.map((file) => fileLine(file, "elapsed", terminal)),
      terminal,
    ),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => `${lines.join("\n")}\n`)
    .join("\n");
}

function section(title: string, lines: readonly string[], terminal: Terminal): string[] {
  return lines.length === 0 ? [] : [paint(title, "bold", terminal), ...lines.map((line) => INDENT + line)];
}

function fileLine(file: ListedFile, what: "size" | "elapsed", terminal: Terminal): string {
  const value =
    what === "size"
      ? file.sizeBytes === undefined
        ? "?"
        : formatBytes(file.sizeBytes)
      : file.elapsedUs === undefined
        ? "?"
        : formatDuration(file.elapsedUs);
  const head = `${value.padStart(10)}  `;
  const path = shown(file.path, terminal);
  const room = terminal.width === undefined ? undefined : terminal.width - INDENT.length - head.length;
  return head + (room === undefined ? path.replaceAll("\n", "\\n") : cutMiddle(path, room));
}

/** Label and text; those that are not known are left out. */
function facts({ summary, record }: Detail): [label: string, text: string][] {
  const { bytes, files, complete, unfiltered, end, when } = summary;
  const size = bytes === undefined ? "" : `, ${formatBytes(bytes)}`;
  const filesText = plural(files, "file") + size;
  if (typeof record === "string") {
    return [
      ["written", formatSecond(when)],
      ["files", filesText],
      ["trouble", end],
    ];
  }
  const { container, pod, runtime, counts } = record;
  const all: [string, string | undefined][] = [
    ["image", record.reference],
    ["digest", record.digest],
    ["container", both(container?.name, container?.id)],
    ["pod", pod?.name === undefined ? undefined : `${pod.namespace ?? "?"}/${pod.name}`],
    ["runtime", runtime?.name === undefined ? undefined : `${runtime.name} ${runtime.version ?? ""}`.trim()],
    ["kernel", record.kernel],
    ["optimizer", record.optimizer],
    ["started", record.startedAt && formatSecond(record.startedAt)],
    ["ended", endText(record, end)],
    ["runs", record.merged && runsText(record.merged)],
    ["complete", complete === undefined ? undefined : completeWord(complete)],
    ["files", filesText],
    ["left out", leftOut(counts)],
    ["events", eventsText(record)],
    ["unfiltered", unfiltered === undefined ? undefined : unfilteredText(unfiltered)],
    ["trouble", record.trouble.join("; ") || undefined],
  ];
  return all.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

function unfilteredText(why: string): string {
  return `all files are listed${why === "" ? "" : `: ${why}`}`;
}

function endText({ state, startedAt, endedAt }: StoredRecord, end: string): string {
  if (state === "recording") return "not yet: being recorded, or the plugin was killed";
  if (endedAt === undefined) return end;
  const duration = startedAt && endedAt.getTime() - startedAt.getTime();
  const after = duration === undefined || duration < 0 ? "" : ` (after ${formatDuration(duration * 1000)})`;
  return `${formatSecond(endedAt)}${after}: ${end}`;
}

/** `3 merged, 1 of them incomplete: queue overflow`. */
function runsText({ runs, completeness: { complete, incomplete } }: Merged): string {
  const holes = countRuns(incomplete);
  const unknown = runs - complete - holes;
  const reasons = reasonsOf({ incomplete }).join("; ");
  return [
    `${runs} merged`,
    ...(unknown === 0 || unknown === runs ? [] : [`${unknown} of unknown completeness`]),
    ...(holes === 0 ? [] : [`${holes} of them incomplete${reasons && `: ${reasons}`}`]),
  ].join(", ");
}

function leftOut({
  unlistable = 0,
  runtime = 0,
  deleted = 0,
  notRegular = 0,
}: StoredRecord["counts"]): string {
  const kinds = [
    [runtime, "of files made at run time"],
    [deleted, "of deleted files"],
    [notRegular, "of folders, devices and the like"],
  ] as const;
  const opens = kinds.flatMap(([count, what]) => (count === 0 ? [] : [`${plural(count, "open")} ${what}`]));
  const newlines = unlistable === 0 ? [] : [`${plural(unlistable, "path")} with a newline (in the csv)`];
  return [...opens, ...newlines].join(", ");
}

function eventsText({
  counts: { events, overflows = 0, lost = 0 },
  queuePeak,
}: StoredRecord): string | undefined {
  if (events === undefined) return undefined;
  const losses = overflows + lost === 0 ? "none lost" : `${plural(overflows, "overflow")}, ${lost} lost`;
  const peak = queuePeak === undefined ? "" : `, at most ${queuePeak} in the queue`;
  return `${events}, ${losses}${peak}`;
}

function both(name: string | undefined, id: string | undefined): string | undefined {
  return name !== undefined && id !== undefined && name !== id ? `${name} (${id})` : (name ?? id);
}

function factLines(label: string, text: string, terminal: Terminal): string[] {
  const clean = shown(Buffer.from(text).toString("latin1"), terminal);
  const room = terminal.width === undefined ? undefined : terminal.width - INDENT.length - LABEL_WIDTH;
  const lines = room === undefined ? [clean.replace(/[\t-\r]/g, " ")] : wrap(clean, room);
  // A digest is as wide as the rest of the line: then it begins further left, on a line of its own.
  if (room !== undefined && (lines[0]?.length ?? 0) > room) lines.unshift("");
  return lines.map((line, index) => {
    const head = INDENT + (index === 0 ? label : "").padEnd(LABEL_WIDTH);
    const indent = terminal.width === undefined ? head.length : Math.max(0, terminal.width - line.length);
    const painted = label === "trouble" ? paint(line, "red", terminal) : line;
    return (line === "" ? head.trimEnd() : head.slice(0, indent)) + painted;
  });
}
