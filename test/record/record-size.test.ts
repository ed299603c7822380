import { describe, expect, test } from "bun:test";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { RECORD_BYTES_MAX, refuseLargeRecord } from "../../src/formats/record-size.ts";
import { recover } from "../../src/record/recovery.ts";
import { findStanding } from "../../src/record/standing.ts";
import { findResults } from "../../src/results/find-results.ts";
import { readRun } from "../../src/results/read-run.ts";
import { summarize } from "../../src/results/summary.ts";
import { loadShim } from "../../src/sys/shim.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";

const { lock } = loadShim();
/** Between what readers took before: 64 MiB some of them, 256 MiB the others. */
const BETWEEN = 70 << 20;

function write(folder: TemporaryFolder, record: object): void {
  writeFileSync(folder.at("app:1"), "/a\n");
  writeFileSync(folder.at("app:1.json"), JSON.stringify(record, null, 2));
}

/** What those say that read records: who looks for a list, who lists results, who works with one. */
async function readers(folder: TemporaryFolder) {
  const standing = await findStanding({ directory: folder.path, name: "app:1" });
  const result = findResults(folder.path).find(({ name }) => name === "app:1");
  if (result === undefined) throw new Error("there is no result");
  const { end, complete } = summarize(result);
  let run: unknown;
  try {
    run = readRun(result).origin.complete;
  } catch (error) {
    run = error instanceof Error ? error.message : error;
  }
  return { standing, end, complete, run };
}

async function recoverIn(folder: TemporaryFolder): Promise<void> {
  const none = () => {};
  await recover({ directory: folder.path, lock, log: { info: none, warn: none, error: none } });
}

describe("a record of 70 MiB is read by all", () => {
  const padding = "x".repeat(BETWEEN);
  for (const [order, record] of [
    ["written by us", (rest: object) => ({ version: 1, complete: false, ...rest, padding })],
    ["in another order", (rest: object) => ({ padding, version: 1, ...rest, complete: false })],
  ] as const) {
    test(`an ended one, ${order}`, async () => {
      using folder = temporaryFolder();
      write(folder, record({ state: "ended", reason: "timeout" }));
      expect(await readers(folder)).toEqual({
        standing: "broken",
        end: "timeout",
        complete: false,
        run: false,
      });
    });

    test(`one whose recorder was killed, ${order}`, async () => {
      using folder = temporaryFolder();
      write(folder, record({ state: "recording", recorder: "0badcafe" }));
      expect(await readers(folder)).toMatchObject({ standing: "broken", end: "being recorded" });
      await recoverIn(folder);
      expect(await readers(folder)).toMatchObject({ standing: "broken", end: "interrupted", run: false });
    });
  }
});

test("a record that is too large is read by none", async () => {
  using folder = temporaryFolder();
  write(folder, { version: 1, complete: false, state: "recording" });
  truncateSync(folder.at("app:1.json"), RECORD_BYTES_MAX + 1); // a hole: it takes no room
  await recoverIn(folder);
  expect(readFileSync(folder.at("app:1.json")).byteLength).toBe(RECORD_BYTES_MAX + 1);
  expect(await readers(folder)).toEqual({
    standing: "whole",
    end: "the record is too large",
    complete: undefined,
    run: "app:1.json is too large to be read; make the list anew",
  });
});

test("refuseLargeRecord() keeps a record from being written that nobody would read", () => {
  refuseLargeRecord(RECORD_BYTES_MAX);
  expect(() => refuseLargeRecord(RECORD_BYTES_MAX + 1)).toThrow(
    "The record would have 268435457 bytes, and none of more than 268435456 is read; list fewer files: --min-runs",
  );
});
