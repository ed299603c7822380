import { describe, expect, test } from "bun:test";
import { LogLimit, type LogLine } from "../src/log-limit.ts";

const warn = (text: string): LogLine => ({ severity: "warn", text });
const info = (text: string): LogLine => ({ severity: "info", text });
const label = (index: number, image = "nginx:latest"): string =>
  `container ${index.toString(16).padStart(12, "a")} (prod/web-${index}/app, image ${image})`;
const readOnly = (index: number): LogLine =>
  warn(`${label(index)} is not traced: Cannot write /lists/image-${index}:1: EROFS`);

/** Pushes them all at one moment. */
function pushAll(limit: LogLimit, lines: readonly LogLine[], nowMs = 0): LogLine[] {
  return lines.flatMap((line) => limit.push(line, nowMs));
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

describe("LogLimit", () => {
  test("lets ten of a trouble pass in a minute, and then says how many more there were", () => {
    const limit = new LogLimit();
    const lines = times(322, readOnly);
    expect(pushAll(limit, lines)).toEqual(lines.slice(0, 10));
    expect(limit.heldBack).toBe(312);
    expect(limit.dueAtMs).toBe(60_000);
    expect(limit.flush(59_999)).toEqual([]);
    expect(limit.flush(60_000)).toEqual([
      warn(`and 312 more like it in the last minute, the first of them: ${readOnly(10).text}`),
    ]);
    expect(limit.dueAtMs).toBeUndefined();
    expect(limit.flush(60_001)).toEqual([]);
  });

  test("begins anew with the next minute, after the sum of the last one", () => {
    const limit = new LogLimit();
    pushAll(limit, times(11, readOnly));
    expect(limit.push(readOnly(11), 60_000)).toEqual([
      warn(`and 1 more like it in the last minute, the first of them: ${readOnly(10).text}`),
      readOnly(11),
    ]);
    expect(pushAll(limit, times(10, readOnly), 60_001)).toHaveLength(9);
  });

  for (const [what, make] of [
    ["errno", (code: string) => warn(`${label(1)}: Cannot write /lists/nginx:latest: ${code}`)],
    ["severity", (severity: string) => ({ severity: severity === "EIO" ? "warn" : "error", text: "x" })],
  ] as const) {
    test(`tells troubles apart by ${what}`, () => {
      const limit = new LogLimit();
      const lines = ["EIO", "ENOSPC"].flatMap((code) => times(12, () => make(code) as LogLine));
      expect(pushAll(limit, lines)).toEqual([...lines.slice(0, 10), ...lines.slice(12, 22)]);
    });
  }

  for (const [what, make] of [
    [
      "amounts",
      (index: number) => info(`${label(index)}: ${index} files, ${index}.5 MiB: /lists/x (timeout)`),
    ],
    ["units", (index: number) => info(`1 file, 3 ${["B", "KiB", "GiB"][index % 3]}: nothing was written`)],
    ["ids in quotes", (index: number) => info(`StartContainer of container "c\\"${index}" failed: late`)],
    ["odd names", (index: number) => info(`${label(index, "a,b;c d")} (is) not traced`)],
  ] as const) {
    test(`takes lines for one kind that differ in ${what}`, () => {
      expect(pushAll(new LogLimit(), times(1000, make))).toHaveLength(300);
    });
  }

  test("is not flooded by names that make each line a kind of its own", () => {
    const limit = new LogLimit();
    const word = (index: number): string =>
      index.toString(26).replace(/\d/g, (digit) => "qrstuvwxyz"[Number(digit)] ?? "");
    const lines = times(100_000, (index) => warn(`container x (a) ${word(index)}`));
    expect(pushAll(limit, lines).length).toBe(210);
    expect(limit.flush(Number.POSITIVE_INFINITY)).toHaveLength(1);
  });
});
