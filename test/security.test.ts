import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** SECURITY.md lists all that is opened, read, connected to or executed on the word of others: here it is held against the source. */

const ROOT = join(import.meta.dir, "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

const [, section = ""] =
  /^## What it opens, reads, connects to or executes.*?\n(.*?)^## /ms.exec(read("SECURITY.md")) ?? [];
const rows = section
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .slice(1)
  .map((line) => line.split("|").map((cell) => cell.trim()));
const listed = rows.map(([, , , where = ""]) =>
  [...where.matchAll(/`([^`]+)`/g)].map(([, path = ""]) => path),
);

/** How a source file gets at files, sockets and processes. */
const access: Readonly<Record<string, RegExp>> = {
  ".ts":
    /from "(?:node:fs|node:fs\/promises|node:child_process|node:net|node:dgram|bun:ffi|bun:sqlite)"|\bBun\.(?:spawn|spawnSync|connect|listen|file|write|which|mmap|serve|\$)\b|new (?:Bun\.)?(?:Worker|Glob)\(/,
  ".c": /\b(?:open|openat|readlinkat|statx|stat|mount|connect|sendto|execve|execvp|fanotify_mark|lgetxattr)\(/,
};

/** A file system's constants, or types, or what tells of an error: none of them touches anything. */
const harmless =
  /^import (?:type .*|\{ (?:constants|(?:type )?(?:Stats|Dirent|FileHandle))(?:, (?:type )?(?:Stats|Dirent|FileHandle))* \}) from "node:fs(?:\/promises)?";$/gm;

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => /\.(?:ts|c)$/.test(path) && !path.endsWith("_test.c"))
    .filter((path) => !path.startsWith("src/gen/") && !/^native\/(?:test|inject)\.c$/.test(path));
}

function touches(path: string): boolean {
  const text = read(path).replace(harmless, "");
  return access[path.slice(path.lastIndexOf("."))]?.test(text) ?? false;
}

describe("the list of what is touched on the word of others", () => {
  test("has a reason in each row, and where it is in the source", () => {
    expect(rows.length).toBeGreaterThan(15);
    for (const [, what = "", who = "", where = "", why = ""] of rows) {
      expect({ what, complete: who !== "" && /`/.test(where) && why.length > 20 }).toEqual({
        what,
        complete: true,
      });
    }
  });

  test("names each source file that touches files, sockets or processes", () => {
    const named = new Set(listed.flat());
    expect(
      [...sources("src"), ...sources("native")].filter((path) => touches(path) && !named.has(path)),
    ).toEqual([]);
  });

  test("names no file that is gone, or touches nothing any more", () => {
    const all = new Set([...sources("src"), ...sources("native")]);
    expect(listed.flat().filter((path) => !all.has(path) || !touches(path))).toEqual([]);
  });

  test("would notice a file that touches something", () => {
    const text = 'import { readFileSync } from "node:fs";\nimport { constants } from "node:fs";\n';
    expect(access[".ts"]?.test(text.replace(harmless, ""))).toBe(true);
    expect(access[".ts"]?.test('import { constants } from "node:fs";\n'.replace(harmless, ""))).toBe(false);
  });
});

test("nothing is executed by a name or a path that somebody told", () => {
  const calls = sources("src").flatMap((path) =>
    [...read(path).matchAll(/\bBun\.spawn(?:Sync)?\(\s*(\[[^\],]*|[^,)]*)/g)].map(
      ([, first]) => `${path}: ${first}`,
    ),
  );
  expect(calls.toSorted()).toEqual([
    "src/cli/held-command.ts: [...selfCommand()",
    "src/doctor/trial.ts: [...command",
    "src/sys/helper.ts: [...command",
  ]);
  // Nobody but a test names another one.
  expect(read("src/doctor/trial.ts")).toContain('{ command = [process.execPath, "--version"],');
  const trials = sources("src").flatMap((path) => [...read(path).matchAll(/await tryTracing\(([^)]*)\)/g)]);
  expect(trials.map(([, given]) => given)).toEqual(["loadShim"]);
  // Whose only caller passes the program's own command line.
  const helpers = sources("src").filter(
    (path) => /\brunHelper\(/.test(read(path)) && path !== "src/sys/helper.ts",
  );
  expect(helpers).toEqual(["src/cli/merge-lists.ts"]);
  const merges = sources("src").flatMap((path) => [...read(path).matchAll(/\bmergeListsBy\((\w+\(\))\)/g)]);
  expect(merges.map(([, program]) => program)).toEqual(["selfCommand()"]);
});
