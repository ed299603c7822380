import { describe, expect, test } from "bun:test";
import { readDetail } from "../../src/results/detail.ts";
import { formatDetail } from "../../src/results/detail-text.ts";
import { findResults } from "../../src/results/find-results.ts";
import { formatList } from "../../src/results/list-table.ts";
import { type Summary, summarize } from "../../src/results/summary.ts";
import type { Terminal } from "../../src/sys/terminal.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { provenance, resultFiles, writeFiles } from "./results.ts";

// Times are shown as they are here.
process.env["TZ"] = "UTC";
const tty: Terminal = { width: 80, colours: false };
const pipe: Terminal = { width: undefined, colours: false };

function summaryOf(files: Record<string, string>): Summary {
  using folder = temporaryFolder();
  writeFiles(folder, files);
  const [result] = findResults(folder.path);
  if (result === undefined) throw new Error("No result was found");
  return summarize(result);
}

function detailOf(files: Record<string, string>, terminal: Terminal): string {
  using folder = temporaryFolder();
  writeFiles(folder, files);
  const [result] = findResults(folder.path);
  if (result === undefined) throw new Error("No result was found");
  return formatDetail(readDetail(result), terminal).replace(/written .*/, "written …");
}

describe("summarize()", () => {
  const recording = resultFiles("x", { end: undefined, counts: { ...provenance.counts, listed: 0 } });
  for (const [what, files, expected] of [
    [
      "one that is complete",
      resultFiles("x"),
      {
        files: 3,
        bytes: 3_000_000,
        complete: true,
        end: "container stopped",
        endShort: "stopped",
        when: provenance.end?.at,
      },
    ],
    [
      "one with more than files of the image",
      resultFiles("x", { filter: { kind: "none", why: "why" } }),
      { complete: true, unfiltered: "why" },
    ],
    ["one with files of the image only", resultFiles("x"), { unfiltered: undefined }],
    [
      "one that was not traced",
      resultFiles("x", {
        filter: { kind: "none", why: "nothing was traced" },
        end: { at: new Date(0), reason: "failed" },
      }),
      { complete: false, unfiltered: undefined, end: "failed" },
    ],
    [
      "one with trouble",
      resultFiles("x", { trouble: ["queue overflow"] }),
      { complete: false, end: "container stopped" },
    ],
    [
      "one that goes on, from its files",
      recording,
      { files: 3, bytes: 3_000_000, complete: undefined, end: "being recorded", when: provenance.startedAt },
    ],
    [
      "a list alone",
      { x: "/a\n/b\n" },
      { files: 2, bytes: undefined, complete: undefined, end: "no record" },
    ],
    [
      "a csv alone",
      { "x.csv": 'path,size,elapsed\n/a,5,1\n"/b\n",6,1\n' },
      { files: 1, bytes: 5, end: "no record" },
    ],
    [
      "a record alone",
      { "x.json": resultFiles("y")["y.json"] ?? "" },
      { files: 3, end: "container stopped" },
    ],
    [
      "a broken record",
      { ...resultFiles("x"), "x.json": "{" },
      { files: 3, bytes: 3_000_000, end: "the record is not JSON", endShort: "bad record" },
    ],
    [
      "a foreign record",
      { ...resultFiles("x"), "x.json": "[1]" },
      { files: 3, end: "the record is not a record of this program", endShort: "bad record" },
    ],
  ] as [string, Record<string, string>, object][]) {
    test(`tells of ${what}`, () => {
      expect(summaryOf(files)).toMatchObject({ name: "x", ...expected });
    });
  }
});

describe("formatList()", () => {
  const now = new Date("2026-12-01T00:00:00Z");
  const summaries: Summary[] = [
    {
      name: "_unnamed/\x1b[2J",
      files: 1,
      bytes: undefined,
      when: new Date("2025-03-04T05:06:07Z"),
      complete: undefined,
      unfiltered: undefined,
      end: "no record",
      endShort: "no record",
    },
    {
      name: "ghcr.io/some-org/some-team/a-service-with-a-name:v1.2.3-rc4",
      files: 1_000_000,
      bytes: 5_000_000_000,
      when: new Date("2026-11-24T04:00:12Z"),
      complete: false,
      unfiltered: undefined,
      end: "connection lost",
      endShort: "disconnected",
    },
    {
      name: "nginx:latest",
      files: 123,
      bytes: 3_000_000,
      when: new Date("2026-11-04T04:00:12Z"),
      complete: true,
      unfiltered: undefined,
      end: "container stopped",
      endShort: "stopped",
    },
    {
      name: "redis:7",
      files: 12,
      bytes: 900,
      when: new Date("2026-11-24T04:00:12Z"),
      complete: undefined,
      unfiltered: undefined,
      end: "being recorded",
      endShort: "recording",
    },
  ];

  test("fits 80 columns", () => {
    const text = formatList(summaries, tty, now);
    expect(text).toBe(
      `IMAGE                       FILES    BYTES  WHEN          COMPLETE  END
_unnamed/\\x1b[2J                1        ?  Mar  4  2025  -         no record
ghcr.io/som…e:v1.2.3-rc4  1000000  4.7 GiB  Nov 24 04:00  no        disconnected
nginx:latest                  123  2.9 MiB  Nov  4 04:00  yes       stopped
redis:7                        12    900 B  Nov 24 04:00  -         recording
`,
    );
  });

  test("marks what has more than files of the image, in the same columns", () => {
    const marked = summaries.map((each) => ({ ...each, unfiltered: "why" }));
    const words = formatList(marked, tty, now).split("\n").slice(1, -1);
    expect(words.map((line) => line.slice(58, 66))).toEqual(["-*      ", "no*     ", "yes*    ", "-*      "]);
    const unmarked = (text: string) => text.replaceAll("*", " ");
    expect(unmarked(formatList(marked, tty, now))).toBe(formatList(summaries, tty, now));
    expect(formatList(marked.slice(2, 3), { width: 80, colours: true }, now)).toContain(
      "\x1b[32myes*    \x1b[0m",
    );
  });

  test("has full names and times in a pipe", () => {
    expect(formatList(summaries.slice(1, 3), pipe, now)).toBe(
      `IMAGE                                                          FILES    BYTES  WHEN              COMPLETE  END
ghcr.io/some-org/some-team/a-service-with-a-name:v1.2.3-rc4  1000000  4.7 GiB  2026-11-24 04:00  no        disconnected
nginx:latest                                                     123  2.9 MiB  2026-11-04 04:00  yes       stopped
`,
    );
  });

  test("colours what is complete and what is not", () => {
    const text = formatList(summaries.slice(1, 3), { width: 80, colours: true }, now);
    expect(text).toContain("\x1b[31mno      \x1b[0m");
    expect(text).toContain("\x1b[32myes     \x1b[0m");
    expect(Bun.stripANSI(text)).toBe(formatList(summaries.slice(1, 3), tty, now));
  });
});

describe("formatDetail()", () => {
  test("tells all of a result, at 80 columns", () => {
    const files = resultFiles("nginx:latest", {
      trouble: ["queue overflow", "event lost: EMFILE"],
      filter: { kind: "none", why: "the root file system is ext4, not overlay" },
      counts: { ...provenance.counts, unlistable: 1, overflows: 1, lost: 2 },
    });
    expect(detailOf(files, tty)).toBe(`nginx:latest
  image      docker.io/library/nginx:latest
  digest
         sha256:abababababababababababababababababababababababababababababababab
  container  web
             (3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a3f2a)
  pod        default/web-0
  runtime    containerd 2.1.9
  kernel     6.18.44
  optimizer  0.1.0
  started    2026-11-24 04:00:00
  ended      2026-11-24 04:00:12 (after 12.345s): container stopped
  complete   no
  files      3 files, 2.9 MiB
  left out   14 opens of files made at run time, 1 open of deleted files, 2
             opens of folders, devices and the like, 1 path with a newline (in
             the csv)
  events     30, 1 overflow, 2 lost, at most 12 in the queue
  unfiltered all files are listed: the root file system is ext4, not overlay
  trouble    queue overflow; event lost: EMFILE

Largest files
     1.9 MiB  /lib/libc.so.6
   976.6 KiB  /bin/sh
      1000 B  /etc/passwd

By layer
     1.9 MiB  layer 1 of 2, 2 files
   976.6 KiB  layer 2 of 2, 1 file

First files
        10us  /bin/sh
     1.500ms  /lib/libc.so.6
      2.500s  /etc/passwd
`);
  });

  test("tells that all files are listed where nothing tells why", () => {
    const files = resultFiles("x");
    const record = JSON.parse(files["x.json"] ?? "");
    record.filter = { kind: "none" };
    const text = detailOf({ ...files, "x.json": JSON.stringify(record) }, pipe);
    expect(text).toContain("  unfiltered all files are listed\n");
  });

  test("gives a file with a newline no layer", () => {
    const files = resultFiles("x");
    const csv =
      'path,size,elapsed\n"/\n",7,1\n/bin/sh,1000000,10\n/lib/libc.so.6,1999000,1500\n/etc/passwd,1000,2500000\n';
    const text = detailOf({ ...files, "x.csv": csv }, pipe);
    expect(text).toContain("layer 1 of 2, 2 files\n");
    expect(text).toContain("         1us  /\\n\n");
  });

  test("shows a list alone as far as it can", () => {
    const lines = Array.from({ length: 30 }, (_, index) => `/file ${index}\xe9`);
    expect(detailOf({ x: `${lines.join("\n")}\n` }, pipe)).toBe(`x
  written …
  files      30 files
  trouble    no record

First files
${lines
  .slice(0, 10)
  .map((line) => `           ?  ${line}\n`)
  .join("")}
Last files
${lines
  .slice(-5)
  .map((line) => `           ?  ${line}\n`)
  .join("")}`);
  });

  test("steers no terminal, and cuts what is too wide", () => {
    const long = `/${"long/".repeat(30)}end`;
    const text = detailOf({ x: `/\x1b[2J\n${long}\n` }, tty);
    expect(text).toContain("           ?  /\\x1b[2J\n");
    expect(text).toContain("?  /long/long/long/long/long/long/l…long/long/long/long/long/long/end\n");
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });
});
