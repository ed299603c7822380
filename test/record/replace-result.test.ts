import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { replaceResult } from "../../src/record/replace-result.ts";
import { companions, stagingName } from "../../src/record/temporary.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const endings = ["", ".csv", ".json"] as const;

function write(path: string, text: string): void {
  for (const ending of endings) writeFileSync(path + ending, text + ending);
}

function stagingFor(path: string) {
  const folder = join(dirname(path), stagingName(path));
  return { folder, ...companions(join(folder, "list")) };
}

const texts = (path: string): string[] => endings.map((ending) => readFileSync(path + ending, "latin1"));
const three = ["app:1", "app:1.csv", "app:1.json"];

describe("replaceResult()", () => {
  test("puts all three files in the place of the older ones", async () => {
    using folder = temporaryFolder();
    const path = folder.at("app:1");
    write(path, "old");
    await replaceResult(path, async (list) => write(list, "new"));
    expect(texts(path)).toEqual(["new", "new.csv", "new.json"]);
    expect(readdirSync(folder.path).toSorted()).toEqual(three);
  });

  test("leaves the result as it was, and nothing else, when the new one fails half-way", async () => {
    using folder = temporaryFolder();
    const path = folder.at("app:1");
    write(path, "old");
    const failing = replaceResult(path, async (list) => {
      writeFileSync(list, "half");
      writeFileSync(`${list}.csv.temporary`, "half");
      throw new Error("no space");
    });
    await expect(failing).rejects.toThrow("no space");
    expect(texts(path)).toEqual(["old", "old.csv", "old.json"]);
    expect(readdirSync(folder.path).toSorted()).toEqual(three);
  });

  test("ends what a program that was killed had begun", async () => {
    using folder = temporaryFolder();
    const path = folder.at("app:1");
    const staged = stagingFor(path);
    mkdirSync(staged.folder);
    write(path, "old");
    writeFileSync(path, "new"); // it got as far as this
    writeFileSync(staged.csv, "new.csv");
    writeFileSync(staged.json, "new.json");
    await replaceResult(path, async (list) => {
      expect(texts(path)).toEqual(["new", "new.csv", "new.json"]);
      write(list, "newer");
    });
    expect(texts(path)).toEqual(["newer", "newer.csv", "newer.json"]);
  });

  test("takes nothing from a program that was killed before", async () => {
    using folder = temporaryFolder();
    const path = folder.at("app:1");
    const staged = stagingFor(path);
    mkdirSync(staged.folder);
    write(path, "old");
    write(staged.list, "never");
    await replaceResult(path, async (list) => {
      expect(texts(path)).toEqual(["old", "old.csv", "old.json"]);
      write(list, "new");
    });
    expect(texts(path)).toEqual(["new", "new.csv", "new.json"]);
  });
});
