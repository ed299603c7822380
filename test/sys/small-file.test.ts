import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { run } from "../../scripts/rig/command.ts";
import { readSmallFile } from "../../src/sys/small-file.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

describe("readSmallFile()", () => {
  test("reads a regular file of just so many bytes, as latin1", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("file"), Buffer.from([0x61, 0xe9, 0x0a]));
    expect(readSmallFile(folder.at("file"), 3)).toBe("a\xe9\n");
  });

  test("reads an empty file, and one of /proc, which does not tell its size", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("file"), "");
    expect(readSmallFile(folder.at("file"), 3)).toBe("");
    expect(readSmallFile("/proc/sys/kernel/ostype", 100)).toBe("Linux\n");
  });

  for (const [what, make, below = ""] of [
    ["one byte too many", (path: string) => writeFileSync(path, "abcd")],
    ["nothing", () => {}],
    ["a folder", (path: string) => mkdirSync(path)],
    ["a FIFO that nobody writes to", (path: string) => run(["mkfifo", path])],
    ["a link to a regular file", (path: string) => symlinkSync("/proc/sys/kernel/ostype", path)],
    ["a link to a device", (path: string) => symlinkSync("/dev/zero", path)],
    ["a part of its path that is a file", (path: string) => writeFileSync(path, "a"), "/x"],
  ] as [string, (path: string) => unknown, string?][]) {
    test(`takes ${what} for no such file`, async () => {
      using folder = temporaryFolder();
      await make(folder.at("file"));
      expect(readSmallFile(folder.at("file") + below, 3)).toBeUndefined();
    });
  }

  test("does not open a device", () => {
    expect(readSmallFile("/dev/zero", 3)).toBeUndefined();
  });
});
