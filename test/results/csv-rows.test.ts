import { describe, expect, test } from "bun:test";
import { csvHeader, csvRow, formatBytes, formatDuration } from "../../src/formats/csv.ts";
import { listFormats } from "../../src/formats/formats.ts";
import { csvRows, parseBytes, parseDuration } from "../../src/results/csv-rows.ts";
import { findResults } from "../../src/results/find-results.ts";
import { exported } from "../formats/exported.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { writeFiles } from "./results.ts";

function rowsOf(text: string) {
  using folder = temporaryFolder();
  writeFiles(folder, { "x.csv": text });
  const [result] = findResults(folder.path);
  if (result?.csv === undefined) throw new Error("The csv was not found");
  return [...csvRows(result.csv)];
}

const rows = [
  { path: "/plain", sizeBytes: 1, elapsedUs: 0 },
  { path: '/with, comma and "quotes"', sizeBytes: 2048, elapsedUs: 1500 },
  { path: "/with\nnewline,1,2", sizeBytes: 3 << 20, elapsedUs: 2_500_000 },
  { path: '/"\n\n",5,6\n\xe9', sizeBytes: 4, elapsedUs: 185_000_000 },
];

describe("csvRows()", () => {
  for (const style of ["exact", "readable"] as const) {
    test(`reads what csvRow() writes, ${style}`, () => {
      expect(rowsOf(csvHeader + rows.map((row) => csvRow(row, style)).join(""))).toEqual(rows);
    });
  }

  test("reads an exported table, with 0 for what was not known", () => {
    const { text } = exported(listFormats.csv, [...rows, { path: "/unknown" }]);
    expect(rowsOf(text)).toEqual([...rows, { path: "/unknown", sizeBytes: 0, elapsedUs: 0 }]);
  });

  for (const [what, text, paths] of [
    ["is empty", "", []],
    ["has another header", "size,path\n1,/a\n", []],
    ["ends inside of a row", "path,size,elapsed\n/a,1,2\n/b,1", ["/a"]],
    ["has the line ends of another system", "path,size,elapsed\r\n/a,1,2\r\n", ["/a"]],
    ["has rows that are none", "path,size,elapsed\nnothing\n/a,1,2\n,,\n/b,x,2\n/c,3,4\n", ["/a", "/c"]],
    ["has a quote without its end", 'path,size,elapsed\n/a,1,2\n"/b\n/c,1,2\n', ["/a"]],
    ["has text behind a quoted path", 'path,size,elapsed\n"/a" b,1,2\n/c,1,2\n', ["/c"]],
    [
      "has a quote without its end in front of much text",
      `path,size,elapsed\n"/a\n${`${"x".repeat(2000)}\n`.repeat(20_000)}/b,1,2\n`,
      ["/b"],
    ],
    ["has a line that is too long for memory", `path,size,elapsed\n${"x".repeat(9 << 20)}\n/a,1,2\n`, ["/a"]],
  ] as const) {
    test(`reads what can be read of a file that ${what}`, () => {
      expect(rowsOf(text).map(({ path }) => path)).toEqual([...paths]);
    });
  }
});

for (const bytes of [0, 1023, 1024, 1536, 5 << 20, 3 * 2 ** 30]) {
  test(`parseBytes() reads ${formatBytes(bytes)}`, () => {
    expect(parseBytes(formatBytes(bytes))).toBe(bytes);
  });
}

for (const us of [0, 87, 1234, 2_500_000, 185_250_000]) {
  test(`parseDuration() reads ${formatDuration(us)}`, () => {
    expect(parseDuration(formatDuration(us))).toBe(us);
  });
}

test("parseBytes() and parseDuration() refuse the rest", () => {
  expect(["", "-1", "1e3", "1 XB", "B", " 1"].map(parseBytes)).toEqual(Array(6).fill(undefined));
  expect(["", "-1", "1e3", "1h", "s", "1m"].map(parseDuration)).toEqual(Array(6).fill(undefined));
});
