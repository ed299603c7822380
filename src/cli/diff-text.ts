import { formatBytes } from "../formats/csv.ts";
import type { ListedFile } from "../formats/listed-file.ts";
import type { Amount, Difference } from "../lists/diff.ts";
import { plural } from "../plural.ts";
import { fileJson } from "../results/json.ts";
import { paint, shown, type Terminal } from "../sys/terminal.ts";

/** So many files that only one list has are named, unless all are wanted. */
const NAMED_MAX = 10;
const LABEL_WIDTH = 11;

/** A comparison for people. */
export function formatDifference(difference: Difference, all: boolean, terminal: Terminal): string {
  const { a, b, both, onlyA, onlyB, order, hitRate, inVain } = difference;
  const facts = [
    ["A", amount(a)],
    ["B", amount(b)],
    ["both", amount(both)],
    ["order", `${tau(order.tau)} (Kendall's tau); ${order.moved} of ${both.files} in another place`],
    ["hit rate", `${percent(hitRate.files)} of B's files, ${percent(hitRate.bytes)} of its bytes are in A`],
    ["in vain", `${amount(inVain)} of A that B does not open`],
  ] as const;
  return [
    ...facts.map(([label, text]) => `${label.padEnd(LABEL_WIDTH)}${text}\n`),
    section("Only in A", onlyA, all, terminal),
    section("Only in B", onlyB, all, terminal),
  ].join("");
}

/** A comparison for programs; field names are a contract. Sizes in bytes, null where one is not known. */
export function differenceJson({ a, b, both, onlyA, onlyB, order, hitRate, inVain }: Difference) {
  return {
    a: amountJson(a),
    b: amountJson(b),
    both: amountJson(both),
    order,
    hitRate: { files: hitRate.files, bytes: hitRate.bytes ?? null },
    inVain: amountJson(inVain),
    onlyA: onlyA.map(fileJson),
    onlyB: onlyB.map(fileJson),
  };
}

function section(title: string, files: readonly ListedFile[], all: boolean, terminal: Terminal): string {
  if (files.length === 0) return "";
  const named = all ? files : files.slice(0, NAMED_MAX);
  const lines = named.map(({ path, sizeBytes }) => {
    const size = sizeBytes === undefined ? "?" : formatBytes(sizeBytes);
    return `  ${size.padStart(10)}  ${shown(path, terminal).replaceAll("\n", "\\n")}\n`;
  });
  const more =
    named.length < files.length ? `  and ${files.length - named.length} more; --all names them\n` : "";
  return `\n${paint(title, "bold", terminal)}\n${lines.join("")}${more}`;
}

function amount({ files, bytes }: Amount): string {
  const size = bytes === undefined ? "" : `, ${formatBytes(bytes)}`;
  return plural(files, "file") + size;
}

function amountJson({ files, bytes }: Amount) {
  return { files, bytes: bytes ?? null };
}

function percent(rate: number | undefined): string {
  return rate === undefined ? "?" : `${(rate * 100).toFixed(1)} %`;
}

function tau(value: number): string {
  return value.toFixed(4);
}
