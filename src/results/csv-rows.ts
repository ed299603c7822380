import { type CsvFile, csvHeader } from "../formats/csv.ts";
import type { StoredFile } from "./find-results.ts";
import { readLines } from "./read-chunks.ts";

/** A path of 4096 quotes, each doubled, and its two numbers: nothing longer is a row of ours. */
const QUOTED_ROW_CHARS_MAX = 2 * 4096 + 100;

/**
 * The rows of a result's table, exact or readable. Nothing of a file that is no such table; rows that are
 * none are left out. Throws the system's error when it cannot be read.
 */
export function* csvRows(file: StoredFile): Generator<CsvFile> {
  let isFirst = true;
  let open = "";
  let isQuoted = false;
  for (const line of readLines(file)) {
    if (isFirst) {
      if (`${withoutReturn(line)}\n` !== csvHeader) return;
      isFirst = false;
    } else if (open === "" && !line.startsWith('"')) {
      const row = parseExactRow(line) ?? parseRow(line);
      if (row !== undefined) yield row;
    } else {
      open += open === "" ? line : `\n${line}`;
      // The field is closed, or one of its own quotes is doubled: in a whole row their number is even.
      if (line.split('"').length % 2 === 0) isQuoted = !isQuoted;
      const row = isQuoted ? undefined : parseQuotedRow(open);
      if (row !== undefined) yield row;
      if (!isQuoted || open.length > QUOTED_ROW_CHARS_MAX) [open, isQuoted] = ["", false];
    }
  }
}

const COMMA = 0x2c;
const RETURN = 0x0d;
const ZERO = 0x30;
/** More digits would not be exact. */
const DIGITS_MAX = 15;

/** A row with bare numbers, without making any string but the path: there may be a million. */
function parseExactRow(line: string): CsvFile | undefined {
  const end = line.charCodeAt(line.length - 1) === RETURN ? line.length - 1 : line.length;
  const second = commaBefore(line, end);
  const first = commaBefore(line, second);
  if (first <= 0) return undefined;
  return {
    path: line.slice(0, first),
    sizeBytes: digits(line, first + 1, second),
    elapsedUs: digits(line, second + 1, end),
  };
}

/** Where the comma is before some digits; -1 when something else is there. */
function commaBefore(line: string, end: number): number {
  let at = end - 1;
  while (at >= 0 && isDigit(line.charCodeAt(at))) at--;
  const count = end - 1 - at;
  return count > 0 && count <= DIGITS_MAX && line.charCodeAt(at) === COMMA ? at : -1;
}

function digits(line: string, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + line.charCodeAt(at) - ZERO;
  return value;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code < ZERO + 10;
}

function parseRow(line: string): CsvFile | undefined {
  const second = line.lastIndexOf(",");
  const first = line.lastIndexOf(",", second - 1);
  return first <= 0
    ? undefined
    : toFile(line.slice(0, first), line.slice(first + 1, second), line.slice(second + 1));
}

function parseQuotedRow(text: string): CsvFile | undefined {
  const [, path, size, elapsed] = /^"((?:[^"]|"")*)",([^,"\n]*),([^,"\n]*)$/.exec(text) ?? [];
  if (path === undefined || size === undefined || elapsed === undefined) return undefined;
  return toFile(path.replaceAll('""', '"'), size, elapsed);
}

function toFile(path: string, size: string, elapsed: string): CsvFile | undefined {
  const sizeBytes = parseBytes(size);
  const elapsedUs = parseDuration(withoutReturn(elapsed));
  return sizeBytes === undefined || elapsedUs === undefined ? undefined : { path, sizeBytes, elapsedUs };
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

const byteUnits = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  PiB: 2 ** 50,
  EiB: 2 ** 60,
};

/** `1234`, or what formatBytes() makes of it, which is rounded. */
export function parseBytes(text: string): number | undefined {
  if (isDigits(text)) return Number(text);
  const [, value, unit] = /^(\d+(?:\.\d+)?) ([KMGTPE]iB|B)$/.exec(text) ?? [];
  return unit === undefined
    ? undefined
    : Math.round(Number(value) * byteUnits[unit as keyof typeof byteUnits]);
}

/** `1234`, or what formatDuration() makes of it, which is rounded. */
export function parseDuration(text: string): number | undefined {
  if (isDigits(text)) return Number(text);
  const [, minutes, value, unit] = /^(?:(\d+)m)?(\d+(?:\.\d+)?)(us|ms|s)$/.exec(text) ?? [];
  if (unit === undefined) return undefined;
  const us = Number(value) * { us: 1, ms: 1e3, s: 1e6 }[unit as "us" | "ms" | "s"];
  return Math.round(us + Number(minutes ?? 0) * 60e6);
}

function isDigits(text: string): boolean {
  return text.length > 0 && text.length < 16 && /^\d+$/.test(text);
}
