import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { runProgram } from "../helpers/program.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { resultFiles, writeFiles } from "../results/results.ts";

function writeLists(folder: TemporaryFolder, lists: Readonly<Record<string, string>>): string[] {
  writeFiles(folder, lists);
  return Object.keys(lists).map((name) => folder.at(name));
}

describe("optimizer merge", () => {
  test("prints one list, first what all runs opened", async () => {
    using folder = temporaryFolder();
    const runs = writeLists(folder, { one: "/rare\n/a\n/b\n", two: "/a\n/b\n" });
    expect(await runProgram("merge", ...runs)).toEqual({
      stdout: "/a\n/b\n/rare\n",
      stderr: "",
      exitCode: 0,
    });
  });

  test("runs with holes take nothing away from a whole one, which is said of each run", async () => {
    using folder = temporaryFolder();
    const bad = JSON.stringify({ state: "ended", complete: false, trouble: ["queue overflow"] });
    writeFiles(folder, { ...resultFiles("good"), bad: "/a\n", "bad.json": bad });
    const merge = (...words: string[]) => runProgram("merge", ...words, "-o", folder.at("m"));
    const record = () => JSON.parse(readFileSync(folder.at("m.json"), "utf8"));
    const said = `${folder.at("bad")} may have holes: queue overflow\n`;
    const holes = { incompleteRuns: 1, incomplete: [{ runs: 1, reasons: ["queue overflow"] }] };
    // A list of runs with holes is one with holes, until a whole run is merged into it.
    expect(await merge(folder.at("bad"))).toEqual({ stdout: "", stderr: said, exitCode: 3 });
    expect(record()).toMatchObject({
      complete: false,
      trouble: ["queue overflow"],
      merged: { runs: 1, completeRuns: 0, ...holes },
    });
    for (const others of [
      [folder.at("m"), folder.at("good")],
      [folder.at("good"), folder.at("bad")],
    ]) {
      expect((await merge(...others)).exitCode).toBe(0);
      expect(record()).toMatchObject({
        complete: true,
        trouble: [],
        merged: { runs: 2, completeRuns: 1, ...holes },
      });
    }
    const { stdout } = await runProgram("show", "m", "--persist-dir", folder.path);
    expect(stdout).toContain(
      "  runs       2 merged, 1 of them incomplete: queue overflow\n  complete   yes\n",
    );
    const shown = await runProgram("show", "m", "--json", "--persist-dir", folder.path);
    expect(JSON.parse(shown.stdout)).toMatchObject({
      complete: true,
      record: { runs: 2, incompleteRuns: 1 },
    });
  });

  test("with --min-runs a list is complete when so many runs are", async () => {
    using folder = temporaryFolder();
    const bad = JSON.stringify({ state: "ended", complete: false, trouble: ["queue overflow"] });
    const list = "/bin/sh\n";
    writeFiles(folder, { ...resultFiles("one"), ...resultFiles("two"), bad: list, "bad.json": bad });
    const runs = ["one", "two", "bad"].map((name) => folder.at(name));
    expect((await runProgram("merge", ...runs, "--min-runs", "2")).exitCode).toBe(0);
    expect((await runProgram("merge", ...runs, "--min-runs", "3")).exitCode).toBe(3);
  });

  test("-o writes list, table and record, which merge again as the runs would", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, resultFiles("nginx:latest"));
    const runs = writeLists(folder, { one: "/a\n/bin/sh\n", two: "/bin/sh\n/b\n" });
    const [one = "", two = ""] = runs;
    const nginx = folder.at("nginx:latest");
    await runProgram("merge", one, nginx, "-o", folder.at("half"));
    await runProgram("merge", two, folder.at("half"), "-o", folder.at("grouped"));
    await runProgram("merge", nginx, two, one, "-o", folder.at("flat"));
    for (const ending of ["", ".csv", ".json"]) {
      const grouped = readFileSync(folder.at(`grouped${ending}`), "utf8");
      expect(grouped).toBe(readFileSync(folder.at(`flat${ending}`), "utf8"));
    }
    const record = JSON.parse(readFileSync(folder.at("flat.json"), "utf8"));
    expect(record).toMatchObject({ reason: "merged", complete: true, trouble: [] });
    expect(record.merged).toMatchObject({
      runs: 3,
      completeRuns: 1,
      incompleteRuns: 0,
      hits: [3, 1, 1, 1, 1],
    });
    expect(readFileSync(folder.at("flat"), "utf8").split("\n")[0]).toBe("/bin/sh");
    const { stdout } = await runProgram("show", "flat", "--persist-dir", folder.path);
    expect(stdout).toContain("  runs       3 merged, 2 of unknown completeness\n");
  });

  test("a run with files made at run time makes a list with such files, which its record says", async () => {
    using folder = temporaryFolder();
    const filter = { kind: "none", why: "the root file system is btrfs, not overlay" } as const;
    writeFiles(folder, { ...resultFiles("good:1"), ...resultFiles("all:1", { filter }) });
    const records = [];
    for (const [inputs, output] of [
      [["good:1", "good:1"], "both-good:1"],
      [["good:1", "all:1"], "one-good:1"],
      [["one-good:1", "good:1"], "again:1"],
    ] as const) {
      const paths = [...inputs, output].map((name) => folder.at(name));
      expect((await runProgram("merge", ...paths.slice(0, 2), "-o", paths[2] ?? "")).exitCode).toBe(0);
      records.push(JSON.parse(readFileSync(folder.at(`${output}.json`), "utf8")).filter);
    }
    expect(records).toEqual([undefined, filter, filter]);
    const { stdout } = await runProgram("show", "again:1", "--persist-dir", folder.path);
    expect(stdout).toContain(`  unfiltered all files are listed: ${filter.why}\n`);
  });

  test("-o may be one of the inputs, and leaves no other file behind", async () => {
    using folder = temporaryFolder();
    const [one = "", two = ""] = writeLists(folder, { one: "/a\n", two: "/b\n" });
    await runProgram("merge", one, two, "-o", one);
    await runProgram("merge", one, two, "-o", one);
    expect(JSON.parse(readFileSync(folder.at("one.json"), "utf8")).merged).toMatchObject({
      runs: 3,
      hits: [2, 1],
    });
    expect(readdirSync(folder.path).sort()).toEqual(["one", "one.csv", "one.json", "two"]);
  });

  test("--min-runs takes a number of runs, or a part of them", async () => {
    using folder = temporaryFolder();
    const runs = writeLists(folder, { one: "/a\n/x\n", two: "/a\n/x\n", three: "/a\n/y\n" });
    for (const [wanted, expected] of [
      ["3", "/a\n"],
      ["67%", "/a\n"],
      ["66%", "/a\n/x\n"],
      ["1", "/a\n/x\n/y\n"],
    ] as const) {
      expect((await runProgram("merge", ...runs, "--min-runs", wanted)).stdout).toBe(expected);
    }
    const { stderr, exitCode } = await runProgram("merge", ...runs, "--min-runs", "4");
    expect(stderr).toEndWith("optimizer: Nothing is left: no file was opened in 4 runs\n");
    expect(exitCode).toBe(1);
  });

  test("refuses what it cannot do, with the cure", async () => {
    using folder = temporaryFolder();
    const [one = ""] = writeLists(folder, { one: "/a\n" });
    for (const [words, message] of [
      [[], "Which list? usage: optimizer merge NAME|FILE… [-o FILE]; optimizer list shows the names"],
      [[one, "--min-runs", "120%"], '--min-runs must be a number of runs or a part such as 60%, not "120%"'],
      [[one, "-o", `${one}.csv`], `${one}.csv would be taken for the companion of another list`],
      [[one, "-o", folder.at("no/folder")], `Cannot write to ${folder.at("no/folder")}: ENOENT`],
      [[`${one}x`], `There is no list "${one}x"`],
    ] as const) {
      const { stderr, exitCode } = await runProgram("merge", ...words);
      expect(stderr).toContain(message);
      expect(exitCode).toBeGreaterThan(0);
    }
  });

  test("files that do not belong together are refused", async () => {
    using folder = temporaryFolder();
    const [one = ""] = writeLists(folder, { one: "/a\n" });
    await runProgram("merge", one, "-o", folder.at("merged"));
    writeFileSync(folder.at("merged.csv"), "path,size,elapsed\n/a,1,1\n/b,1,1\n");
    const { stderr, exitCode } = await runProgram("merge", folder.at("merged"));
    expect(stderr).toContain("merged.json tells of 1 files, its table has 2: they do not belong together");
    expect(exitCode).toBe(1);
  });
});
