import { statSync, writeFileSync } from "node:fs";
import { csvHeader, csvRow } from "../../../src/formats/csv.ts";
import { csvRows } from "../../../src/results/csv-rows.ts";
import { parseRecord } from "../../../src/results/stored-record.ts";
import { MEMORY, temporaryFolder } from "../../helpers/temporary-folder.ts";
import { about, check, checkSame, latin1, texts } from "../check.ts";
import type { Target } from "../fuzzer.ts";

const rows = [
  { path: "/usr/bin/env", sizeBytes: 48_536, elapsedUs: 1234 },
  { path: '/with, comma and "quotes"', sizeBytes: 2048, elapsedUs: 1_500_000 },
  { path: "/with\nnewline,1,2", sizeBytes: 3 << 20, elapsedUs: 185_000_000 },
];

/** Tables of results, which somebody else may have written: rows or nothing, and our own rows as they were. */
export const tables: Target = {
  name: "csv tables",
  seeds: texts(
    csvHeader + rows.map((row) => csvRow(row, "exact")).join(""),
    csvHeader + rows.map((row) => csvRow(row, "readable")).join(""),
    `${csvHeader}"never closed\n`,
  ),
  words: texts(csvHeader, '"', '""', '"\n', ",1,2\n", ",", "\r\n", "1.5 KiB", "3m05.250s"),
  inputsInTests: 1500,
  run(input) {
    const found = read(input);
    for (const { sizeBytes, elapsedUs } of found) {
      check(sizeBytes >= 0 && elapsedUs >= 0, "sizes and times are numbers");
    }
    const row = { path: `/${latin1(input).slice(0, 4000).replaceAll("\0", "")}`, sizeBytes: 7, elapsedUs: 9 };
    const written = Buffer.from(
      csvHeader + csvRow(row, "exact") + csvRow({ ...row, path: "/end" }, "exact"),
      "latin1",
    );
    checkSame(read(written), [row, { ...row, path: "/end" }], "rows written and read");
    return `${about(found.length)} ${found.some(({ path }) => path.includes("\n"))}`;
  },
};

function read(bytes: Uint8Array) {
  using folder = temporaryFolder(MEMORY);
  const path = folder.at("x.csv");
  writeFileSync(path, bytes);
  const { size, mtime } = statSync(path);
  return [...csvRows({ path: Buffer.from(path), sizeBytes: size, writtenAt: mtime })];
}

const record = JSON.stringify({
  state: "ended",
  image: { reference: "docker.io/library/nginx:latest", name: "nginx:latest", digest: "sha256:00" },
  container: { id: "c1", name: "web", pod: { name: "p", namespace: "default" } },
  runtime: { name: "containerd", version: "2.1.9" },
  started: "2026-11-24T05:58:08.000Z",
  ended: "2026-11-24T05:58:09.000Z",
  reason: "container stopped",
  complete: true,
  trouble: ["queue overflow"],
  filter: { kind: "none", why: "x" },
  counts: { events: 3, listed: 2 },
  queuePeak: 7,
  layerCount: 2,
  layers: [0, 1, -1],
});

/** The json of a result: what is there and of the right kind. */
export const storedRecords: Target = {
  name: "json records",
  seeds: texts(record, '{"state":"recording"}', "null", "[]"),
  words: texts(
    "null",
    "[]",
    "{}",
    "-1",
    "1e999",
    '"__proto__":',
    '"state":"ended"',
    '"ended"',
    "true",
    '"pod":',
    '"layers":[',
    "\\u0000",
  ),
  inputsInTests: 5000,
  run(input) {
    const parsed = parseRecord(latin1(input));
    if (typeof parsed === "string") return parsed;
    check(
      parsed.trouble.every((each) => typeof each === "string"),
      "trouble is text",
    );
    check(
      Object.values(parsed.counts).every((count) => Number.isFinite(count) && count >= 0),
      "counts are numbers",
    );
    check(parsed.layers?.every(Number.isInteger) ?? true, "layers are numbers");
    for (const date of [parsed.startedAt, parsed.endedAt]) date?.toISOString();
    for (const each of [parsed.container, parsed.pod, parsed.runtime]) {
      check(
        Object.values(each ?? {}).every((text) => typeof text === "string"),
        "names are text",
      );
    }
    return Object.entries(parsed)
      .flatMap(([key, value]) => (value === undefined ? [] : key))
      .join();
  },
};
