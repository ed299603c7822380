import { describe, expect, test } from "bun:test";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { findResults } from "../../src/results/find-results.ts";
import { readChunks } from "../../src/results/read-chunks.ts";
import { rootTest } from "../helpers/root.ts";
import { makeFifo, makeNullDevice } from "../helpers/special-files.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";

/** Reads a file in whose place something else is put after it was found. */
function readAfter(folder: TemporaryFolder, replace: (path: string) => void): string {
  const path = folder.at("app:1");
  writeFileSync(path, "/a\n");
  const [result] = findResults(folder.path);
  if (result?.list === undefined) throw new Error("there is no list");
  rmSync(path);
  replace(path);
  return [...readChunks(result.list)].join("");
}

describe("readChunks()", () => {
  test("reads another file that has taken the place of the one that was found", () => {
    using folder = temporaryFolder();
    expect(readAfter(folder, (path) => writeFileSync(path, "/b\n"))).toBe("/b\n");
  });

  test("follows no link", () => {
    using folder = temporaryFolder();
    expect(() => readAfter(folder, (path) => symlinkSync("/etc/passwd", path))).toThrow("ELOOP");
  });

  test("waits for no writer of a FIFO", () => {
    using folder = temporaryFolder();
    expect(() => readAfter(folder, makeFifo)).toThrow(
      expect.objectContaining({ code: "it is no regular file" }),
    );
  });

  rootTest("reads no device", () => {
    using folder = temporaryFolder();
    expect(() => readAfter(folder, makeNullDevice)).toThrow(
      expect.objectContaining({ code: "it is no regular file" }),
    );
  });
});
