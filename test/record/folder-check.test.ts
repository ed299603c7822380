import { describe, expect, test } from "bun:test";
import { readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { FolderCheck } from "../../src/record/folder-check.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const now = { timeoutMs: 5000, maxAgeMs: 0 };

describe("FolderCheck.check()", () => {
  test("makes the folder, finds that it can be written, and leaves nothing there", async () => {
    using folder = temporaryFolder();
    expect(await new FolderCheck(folder.at("a/b")).check(now)).toBeUndefined();
    expect(readdirSync(folder.at("a/b"))).toEqual([]);
  });

  test("tells of a file in its place, and that the folder is there again", async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("a"), "");
    const check = new FolderCheck(folder.at("a"));
    expect(await check.check(now)).toEqual({
      code: "ENOTDIR",
      text: `no result can be written to ${folder.at("a")}: ENOTDIR`,
      cure: "a file stands in its way: move that, or set persist_dir to another folder",
    });
    rmSync(folder.at("a"));
    // What was wrong is never taken for what is.
    expect(await check.check({ ...now, maxAgeMs: 60_000 })).toBeUndefined();
    rmSync(folder.at("a"), { recursive: true });
    writeFileSync(folder.at("a"), "");
    expect(await check.check({ ...now, maxAgeMs: 60_000 })).toBeUndefined();
    expect(await check.check(now)).toMatchObject({ code: "ENOTDIR" });
  });

  test("tells of a link to itself", async () => {
    using folder = temporaryFolder();
    symlinkSync("a", folder.at("a"));
    expect(await new FolderCheck(folder.at("a")).check(now)).toMatchObject({ code: "ELOOP" });
  });
});
