import { type CsvFile, csvHeader, csvRow, formatBytes, formatDuration } from "../formats/csv.ts";
import { isListable, listLine } from "../formats/list.ts";
import type { Counts } from "../formats/provenance.ts";
import { jsonText, toLatin1 } from "../formats/utf8.ts";
import { plural } from "../plural.ts";
import { printable } from "../sys/terminal.ts";
import { cureOf } from "./attached-start.ts";

/** A file of a trace's list. */
export interface TracedFile extends CsvFile {
  /** The image layer it comes from; -1 none or unknown. */
  readonly layer: number;
  /** It was open or mapped already when the trace began. */
  readonly before: boolean;
}

/** What a trace that somebody asked for has found. */
export interface TraceReport {
  /** The words that name what was traced. */
  readonly target: string;
  readonly files: readonly TracedFile[];
  readonly counts: Counts;
  readonly trouble: readonly string[];
  /** Why files were not told from those made at run time, if so. */
  readonly unfiltered: string | undefined;
  /** Why files that replaced the image's are listed under their names, if so. */
  readonly replacedListed: string | undefined;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly reason: string;
  readonly kernel: string;
  readonly optimizer: string;
}

/** How a report is written. */
export type ReportFormat = "table" | "list" | "csv" | "json";

/** The text of a report, latin1: one character a byte. */
export function formatReport(report: TraceReport, format: ReportFormat): string {
  switch (format) {
    case "table":
      return tableHeader + report.files.map(tableRow).join("");
    case "list":
      return report.files.map(({ path }) => (isListable(path) ? listLine(path) : "")).join("");
    case "csv":
      return csvHeader + report.files.map((file) => csvRow(file, "exact")).join("");
    case "json":
      return toLatin1(`${JSON.stringify(jsonReport(report), null, 2)}\n`);
  }
}

const LARGEST = 5;
const FOLDERS = 8;

/** For people, a few lines: how much, until when, what is large, where it lies, what was left out. */
export function formatSummary(report: TraceReport): string {
  const { files, counts, trouble, unfiltered, replacedListed } = report;
  const last = files.findLast((file) => !file.before);
  const before = files.filter((file) => file.before).length;
  const lines = [
    `${plural(files.length, "file")}, ${formatBytes(sumOf(files))}` +
      (before === 0 ? "" : `, ${before} of them open before`) +
      (last === undefined ? "" : `; the last new one after ${formatDuration(last.elapsedUs)}`),
    ...labelled("largest", largest(files)),
    ...labelled(
      "by folder",
      groups(files, ({ path }) => topFolder(path)),
    ),
    ...(files.some(({ layer }) => layer >= 0)
      ? labelled(
          "by layer",
          groups(files, ({ layer }) => (layer < 0 ? "none" : String(layer))),
        )
      : []),
    ...labelled("left out", leftOut(counts)),
    ...(unfiltered === undefined ? [] : [`not told from files made at run time: ${printable(unfiltered)}`]),
    ...(replacedListed === undefined
      ? []
      : [`files that replaced those of the image are listed, too: ${replacedListed}`]),
    ...(trouble.length === 0 ? [] : [`The list is not complete: ${trouble.join("; ")}`]),
    ...trouble.flatMap((reason) => cureOf(reason) ?? []),
  ];
  return `${lines.join("\n")}\n`;
}

const tableHeader = `${"elapsed".padStart(10)}  ${"size".padStart(10)}  path\n`;

function tableRow({ path, sizeBytes, elapsedUs, before }: TracedFile): string {
  const when = before ? "before" : formatDuration(elapsedUs);
  return `${when.padStart(10)}  ${formatBytes(sizeBytes).padStart(10)}  ${toLatin1(printable(path))}\n`;
}

function jsonReport({ files, startedAt, endedAt, ...report }: TraceReport) {
  return {
    version: 1,
    complete: report.trouble.length === 0,
    ...report,
    unfiltered: report.unfiltered ?? null,
    replacedListed: report.replacedListed ?? null,
    started: startedAt.toISOString(),
    ended: endedAt.toISOString(),
    files: files.map(({ path, sizeBytes, elapsedUs, layer, before }) => ({
      ...jsonText("path", path),
      size: sizeBytes,
      elapsed: elapsedUs,
      layer: layer < 0 ? null : layer,
      before,
    })),
  };
}

function labelled(label: string, entries: readonly string[]): string[] {
  return entries.map((entry, index) => `${(index === 0 ? label : "").padEnd(11)}${entry}`);
}

function largest(files: readonly TracedFile[]): string[] {
  return [...files]
    .sort((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, LARGEST)
    .map(({ path, sizeBytes }) => `${formatBytes(sizeBytes).padStart(10)}  ${printable(path)}`);
}

/** The largest groups; what is beyond them is summed up. */
function groups(files: readonly TracedFile[], key: (file: TracedFile) => string): string[] {
  const byKey = Map.groupBy(files, key);
  const sorted = [...byKey].sort(([, a], [, b]) => sumOf(b) - sumOf(a));
  const rest = sorted.slice(FOLDERS).flatMap(([, group]) => group);
  const shown = rest.length === 0 ? sorted : [...sorted.slice(0, FOLDERS), ["others", rest] as const];
  return shown.map(
    ([name, group]) =>
      `${formatBytes(sumOf(group)).padStart(10)}  ${printable(name).padEnd(8)}  ${plural(group.length, "file")}`,
  );
}

function leftOut({ runtime, deleted, notRegular, unlistable }: Counts): string[] {
  const kinds = [
    [runtime, "of files made at run time"],
    [deleted, "of files that were deleted"],
    [notRegular, "of devices, pipes and the like"],
    [unlistable, "of names with a newline, which only csv and json can hold"],
  ] as const;
  return kinds.flatMap(([count, what]) => (count === 0 ? [] : [`${plural(count, "open")} ${what}`]));
}

function topFolder(path: string): string {
  const end = path.indexOf("/", 1);
  return end < 0 ? "/" : path.slice(0, end);
}

function sumOf(files: readonly TracedFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}
