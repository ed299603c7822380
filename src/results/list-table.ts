import { formatBytes } from "../formats/csv.ts";
import { cutMiddle, paint, shown, type Terminal } from "../sys/terminal.ts";
import type { Summary } from "./summary.ts";

const header = ["IMAGE", "FILES", "BYTES", "WHEN", "COMPLETE", "END"] as const;
const GAP = "  ";
const NAME_WIDTH_MIN = 12;
/** For words of records that another program wrote. */
const END_WIDTH_MAX = 17;
/** Behind the word of a list that has more than the image's files. */
const UNFILTERED_MARK = "*";
/** What the mark means, for whoever reads the table. */
export const UNFILTERED_LEGEND = `${UNFILTERED_MARK} has files made at run time, too; optimizer show NAME says why`;

/** The table of `optimizer list`. On a terminal names are cut so that it fits. */
export function formatList(summaries: readonly Summary[], terminal: Terminal, now = new Date()): string {
  const rows = [header, ...summaries.map((each) => cells(each, terminal, now))];
  const widths = header.map((_, column) =>
    Math.max(...rows.map((row) => Bun.stringWidth(row[column] ?? ""))),
  );
  if (terminal.width !== undefined) {
    widths[5] = Math.min(widths[5] ?? 0, END_WIDTH_MAX);
    const others = widths.slice(1).reduce((sum, width) => sum + GAP.length + width, 0);
    widths[0] = Math.min(widths[0] ?? 0, Math.max(NAME_WIDTH_MIN, terminal.width - others));
  }
  return rows
    .map((row, index) => {
      const line = row.map((cell, column) => pad(cell, column, widths[column] ?? 0));
      if (index === 0) return `${paint(line.join(GAP).trimEnd(), "bold", terminal)}\n`;
      line[4] = paintComplete(line[4] ?? "", terminal);
      return `${line.join(GAP).trimEnd()}\n`;
    })
    .join("");
}

function cells(summary: Summary, terminal: Terminal, now: Date): string[] {
  const { name, files, bytes, when, complete, unfiltered, endShort } = summary;
  return [
    shown(name, terminal),
    String(files),
    bytes === undefined ? "?" : formatBytes(bytes),
    terminal.width === undefined ? formatSecond(when).slice(0, -3) : formatBrief(when, now),
    completeWord(complete) + (unfiltered === undefined ? "" : UNFILTERED_MARK),
    shown(Buffer.from(endShort).toString("latin1"), terminal).replace(/[\t-\r]/g, " "),
  ];
}

/** Numbers stand at the right. */
function pad(cell: string, column: number, width: number): string {
  const text = column === 0 || column === 5 ? cutMiddle(cell, width) : cell;
  const blanks = " ".repeat(Math.max(0, width - Bun.stringWidth(text)));
  return column === 1 || column === 2 ? blanks + text : text + blanks;
}

/** `yes`, `no`, or `-` where it cannot be told, or not yet. */
export function completeWord(complete: boolean | undefined): string {
  if (complete === undefined) return "-";
  return complete ? "yes" : "no";
}

function paintComplete(cell: string, terminal: Terminal): string {
  if (cell.startsWith("yes")) return paint(cell, "green", terminal);
  return cell.startsWith("no") ? paint(cell, "red", terminal) : cell;
}

/** As `ls -l` has it, since columns are few: `Nov 24 04:00`, and `Nov 24  2025` of another year. */
function formatBrief(when: Date, now: Date): string {
  const month = when.toLocaleString("en-US", { month: "short" });
  const day = `${month} ${String(when.getDate()).padStart(2)}`;
  if (when.getFullYear() !== now.getFullYear()) return `${day}  ${when.getFullYear()}`;
  return `${day} ${formatSecond(when).slice(11, 16)}`;
}

/** Local time: `2026-11-24 04:00:07`. */
export function formatSecond(when: Date): string {
  const local = new Date(when.getTime() - when.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace("T", " ");
}
