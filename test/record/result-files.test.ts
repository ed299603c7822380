import { describe, expect, test } from "bun:test";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { type Existing, ResultFiles, type ResultFilesOptions } from "../../src/record/result-files.ts";
import { findRuns, runNames, temporaryNames } from "../../src/record/temporary.ts";
import { findResults } from "../../src/results/find-results.ts";
import type { SyscallError } from "../../src/sys/errno.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { rootTest } from "../helpers/root.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

/** A result in `directory`, and the errors it told. */
function result(directory: string, options: Partial<ResultFilesOptions> & { existing?: Existing } = {}) {
  const errors: SyscallError[] = [];
  const { existing = "replace", ...rest } = options;
  const files = new ResultFiles({
    target: { directory, name: "org/app:1", existing },
    id: "c0ffee",
    startedAt: new Date(1_700_000_000_000),
    csvStyle: "exact",
    provenance: () => '{"version": 1}\n',
    onError: (error) => errors.push(error),
    ...rest,
  });
  return { files, errors };
}

const file = (path: string) => ({ path, sizeBytes: 12, elapsedUs: 34 });
const names = (folder: TemporaryFolder): string[] => readdirSync(folder.at("org")).toSorted();
const text = (folder: TemporaryFolder, suffix = ""): string =>
  readFileSync(folder.at(`org/app:1${suffix}`), "latin1");
const threeFiles = ["app:1", "app:1.csv", "app:1.json"];

/** An older result of that name, longer than what the tests write. */
function older(folder: TemporaryFolder): void {
  mkdirSync(folder.at("org"));
  writeFileSync(folder.at("org/app:1"), "/old/one\n/old/two\n/old/three\n");
  writeFileSync(
    folder.at("org/app:1.csv"),
    "path,size,elapsed\n/old/one,1,1\n/old/two,2,2\n/old/three,3,3\n",
  );
  writeFileSync(folder.at("org/app:1.json"), '{"old": "and longer than the new one"}\n');
}

describe("ResultFiles", () => {
  test("makes list, table and provenance, and leaves no other file", async () => {
    using folder = temporaryFolder();
    const { files, errors } = result(folder.path);
    files.add(file("/b"));
    files.add(file('/a, "quoted"'));
    files.add(file("/one\ntwo"));
    expect(await files.finish()).toBe("result");
    expect(names(folder)).toEqual(threeFiles);
    expect(text(folder)).toBe('/b\n/a, "quoted"\n');
    expect(text(folder, ".csv")).toBe(
      'path,size,elapsed\n/b,12,34\n"/a, ""quoted""",12,34\n"/one\ntwo",12,34\n',
    );
    expect(text(folder, ".json")).toBe('{"version": 1}\n');
    expect(errors).toEqual([]);
    expect(files.path).toBe(folder.at("org/app:1"));
  });

  test("can be read by everybody and written by its owner", async () => {
    using folder = temporaryFolder();
    const { files } = result(folder.path);
    files.add(file("/a"));
    await files.finish();
    expect(names(folder).map((name) => statSync(folder.at("org", name)).mode & 0o777)).toEqual([
      0o644, 0o644, 0o644,
    ]);
  });

  test("grows at its final path", async () => {
    using folder = temporaryFolder();
    let end = "recording";
    const { files } = result(folder.path, { provenance: () => end });
    files.add(file("/a"));
    await waitFor("the result", () => existsSync(`${files.path}.json`));
    expect(text(folder)).toBe("/a\n");
    expect(text(folder, ".csv")).toBe("path,size,elapsed\n/a,12,34\n");
    expect(text(folder, ".json")).toBe("recording");
    const { ino } = statSync(files.path);
    files.add(file("/b"));
    await waitFor("the second line", () => text(folder) === "/a\n/b\n");
    expect(statSync(files.path).ino).toBe(ino);
    end = "ended";
    expect(await files.finish()).toBe("result");
    expect(text(folder, ".json")).toBe("ended");
    expect(names(folder)).toEqual(threeFiles);
  });

  test("replaces an older result in one step, and leaves no tail of it", async () => {
    using folder = temporaryFolder();
    older(folder);
    const reader = readFileSync(folder.at("org/app:1"), "latin1");
    const { files } = result(folder.path);
    files.add(file("/n"));
    expect(text(folder)).toBe(reader);
    expect(await files.finish()).toBe("result");
    expect(text(folder)).toBe("/n\n");
    expect(text(folder, ".csv")).toBe("path,size,elapsed\n/n,12,34\n");
    expect(text(folder, ".json")).toBe('{"version": 1}\n');
    expect(names(folder)).toEqual(threeFiles);
  });

  test("keeps an older result until the first line is written, or for ever without one", async () => {
    using folder = temporaryFolder();
    older(folder);
    const before = threeFiles.map((name) => readFileSync(folder.at("org", name), "latin1"));
    const { files, errors } = result(folder.path);
    expect(await files.finish()).toBe("nothing");
    expect(names(folder)).toEqual(threeFiles);
    expect(threeFiles.map((name) => readFileSync(folder.at("org", name), "latin1"))).toEqual(before);
    expect(errors).toEqual([]);
  });

  test("makes not even a folder without a file", async () => {
    using folder = temporaryFolder();
    expect(await result(folder.path).files.finish()).toBe("nothing");
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test("leaves an older result when no path can stand in the list", async () => {
    using folder = temporaryFolder();
    older(folder);
    const { files } = result(folder.path);
    files.add(file("/one\ntwo"));
    expect(await files.finish()).toBe("nothing");
    expect(text(folder)).toStartWith("/old/one\n");
    expect(names(folder)).toEqual(threeFiles);
  });

  test("never replaces a list that appears meanwhile when it is to be kept", async () => {
    using folder = temporaryFolder();
    const { files, errors } = result(folder.path, { existing: "keep" });
    files.add(file("/new"));
    older(folder);
    await files.finish();
    expect(text(folder)).toBe("/old/one\n/old/two\n/old/three\n");
    expect(errors.map(({ message }) => message)).toEqual([`Cannot write ${folder.at("org/app:1")}: EEXIST`]);
  });

  // The companions are renamed before link() finds that the list is there already.
  test("leaves the companions of a list that appears meanwhile, and no temporary file", async () => {
    using folder = temporaryFolder();
    const { files } = result(folder.path, { existing: "keep" });
    files.add(file("/new"));
    older(folder);
    expect(await files.finish()).toBe("nothing");
    expect(text(folder, ".csv")).toContain("/old/one");
    expect(text(folder, ".json")).toContain("old");
    expect(names(folder)).toEqual(threeFiles);
  });

  test("two containers that make a list of one name leave one whole result", async () => {
    using folder = temporaryFolder();
    const [one, other] = [result(folder.path, { id: "one" }), result(folder.path, { id: "other" })];
    one.files.add(file("/one"));
    other.files.add(file("/other"));
    await Promise.all([one.files.finish(), other.files.finish()]);
    const [line = ""] = text(folder).split("\n");
    expect(["/one", "/other"]).toContain(line);
    expect(text(folder)).toBe(`${line}\n`);
    expect(names(folder)).toEqual(threeFiles);
  });

  test("follows no link that was planted at its temporary names", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("org"));
    writeFileSync(folder.at("precious"), "precious");
    for (const suffix of ["", ".csv", ".json"]) {
      symlinkSync(folder.at("precious"), folder.at(`org/${temporaryNames("c0ffee").list}${suffix}`));
    }
    const { files, errors } = result(folder.path);
    files.add(file("/a"));
    expect(await files.finish()).toBe("result");
    expect(readFileSync(folder.at("precious"), "latin1")).toBe("precious");
    expect(names(folder)).toEqual(threeFiles);
    expect(errors).toEqual([]);
  });

  test("replaces a link at its final name, not what it leads to", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("org"));
    writeFileSync(folder.at("precious"), "precious");
    symlinkSync(folder.at("precious"), folder.at("org/app:1"));
    const { files } = result(folder.path);
    files.add(file("/a"));
    await files.finish();
    expect(readFileSync(folder.at("precious"), "latin1")).toBe("precious");
    expect(text(folder)).toBe("/a\n");
  });

  for (const [what, prepare, code] of [
    ["a file where the folder should be", (path: string) => writeFileSync(path, ""), "ENOTDIR"],
    ["a link that leads nowhere", (path: string) => symlinkSync("/nowhere/at/all", path), "ENOENT"],
  ] as const) {
    test(`tells ${what} once, and finishes without a result`, async () => {
      using folder = temporaryFolder();
      prepare(folder.at("lists"));
      const { files, errors } = result(folder.at("lists"));
      files.add(file("/a"));
      expect(await files.finish()).toBe("nothing");
      expect(errors).toHaveLength(1);
      expect(errors[0]?.message).toStartWith(`Cannot write ${folder.at("lists/org/app:1")}: `);
      expect([code, "EEXIST"]).toContain(errors[0]?.code ?? "");
    });
  }

  // The list's handle is left open when the table cannot be made: collected as garbage, it ends the process.
  test("leaves neither a file nor a descriptor when the table cannot be made", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("org", temporaryNames("c0ffee").csv), { recursive: true });
    const { files, errors } = result(folder.path);
    files.add(file("/a"));
    expect(await files.finish()).toBe("nothing");
    expect(errors).toHaveLength(1);
    expect(names(folder)).toEqual([temporaryNames("c0ffee").csv]);
    const open = readdirSync("/proc/self/fd").map((fd) => {
      return existsSync(`/proc/self/fd/${fd}`) ? readlinkSync(`/proc/self/fd/${fd}`) : "";
    });
    expect(open.filter((path) => path.startsWith(folder.path))).toEqual([]);
  });

  test("a list that another recorder has replaced meanwhile keeps its own record", async () => {
    using folder = temporaryFolder();
    const { files, errors } = result(folder.path, { provenance: () => "of the first" });
    files.add(file("/first"));
    await waitFor("the first", () => existsSync(`${files.path}.json`));
    const other = result(folder.path, { id: "other", provenance: () => "of the other" });
    other.files.add(file("/other"));
    expect(await other.files.finish()).toBe("result");
    files.add(file("/late"));
    expect(await files.finish()).toBe("nothing");
    expect(text(folder)).toBe("/other\n");
    expect(text(folder, ".json")).toBe("of the other");
    expect(names(folder)).toEqual(threeFiles);
    expect(errors.map(({ message }) => message)).toEqual([
      `Cannot write ${files.path}: replaced by another recorder`,
    ]);
  });

  test("goes on with the list when somebody takes its table away, which is told", async () => {
    using folder = temporaryFolder();
    const { files, errors } = result(folder.path);
    files.add(file("/a"));
    await waitFor("the first line", () => existsSync(`${files.path}.json`));
    unlinkSync(`${files.path}.csv`);
    files.add(file("/b"));
    expect(await files.finish()).toBe("result");
    expect(text(folder)).toBe("/a\n/b\n");
    expect(errors.map(({ message }) => message)).toEqual([`Cannot write ${files.path}.csv: ENOENT`]);
  });

  test("follows no link on the way to its folder, and enters none of another user's", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("elsewhere"));
    symlinkSync(folder.at("elsewhere"), folder.at("org"));
    const { files, errors } = result(folder.path);
    files.add(file("/a"));
    expect(await files.finish()).toBe("nothing");
    expect(readdirSync(folder.at("elsewhere"))).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual(["ENOTDIR"]);
  });

  rootTest("enters no folder of another user", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("org"));
    chownSync(folder.at("org"), 65534, 65534);
    const { files, errors } = result(folder.path);
    files.add(file("/a"));
    expect(await files.finish()).toBe("nothing");
    expect(names(folder)).toEqual([]);
    expect(errors.map(({ code }) => code)).toEqual(["EACCES"]);
  });

  rootTest("on a full disk the record is shortened in its place, so that it says what happened", async () => {
    const root = { kind: "mount", fsType: "tmpfs", options: ["size=64k"] } as const;
    await using container = await heldContainer({ root });
    let state = "recording";
    const { files } = result(container.at("/lists"), { provenance: (length) => `${state}, ${length}` });
    files.add(file("/a"));
    await waitFor("the result", () => existsSync(`${files.path}.json`));
    expect(() => writeFileSync(container.at("/filler"), Buffer.alloc(1 << 20))).toThrow("ENOSPC");
    state = "ended";
    expect(await files.finish()).toBe("result");
    expect(readFileSync(`${files.path}.json`, "latin1")).toBe("ended, short");
    expect(readFileSync(files.path, "latin1")).toBe("/a\n");
  });

  rootTest("tells a full disk once, and leaves a valid prefix", async () => {
    const root = { kind: "mount", fsType: "tmpfs", options: ["size=64k"] } as const;
    await using container = await heldContainer({ root });
    const { files, errors } = result(container.at("/lists"));
    const paths = Array.from({ length: 4000 }, (_, index) => `/some/where/file-${index}`);
    files.add(file(paths[0] ?? ""));
    await waitFor("the list", () => existsSync(files.path));
    for (const path of paths.slice(1)) files.add(file(path));
    await files.finish();
    expect(errors.map(({ code }) => code)).toEqual(["ENOSPC"]);
    const list = readFileSync(files.path, "latin1");
    expect(list).toEndWith("\n");
    expect(`${paths.join("\n")}\n`).toStartWith(list);
  });
});

describe("ResultFiles of a run that is to be merged", () => {
  const run = (folder: TemporaryFolder, more: Partial<ResultFilesOptions> = {}) =>
    result(folder.path, { existing: "merge", ...more });

  test("stays beside the result, which is not touched, and is found once its record is there", async () => {
    using folder = temporaryFolder();
    older(folder);
    const { files, errors } = run(folder);
    files.add(file("/n"));
    await waitFor("the first lines", () => names(folder).length === 5);
    expect(await findRuns(files.path)).toEqual([]);
    expect(await files.finish()).toBe("run");
    const [found, ...others] = await findRuns(files.path);
    expect(others).toEqual([]);
    expect(readFileSync(found?.list ?? "", "latin1")).toBe("/n\n");
    expect(readFileSync(found?.csv ?? "", "latin1")).toBe("path,size,elapsed\n/n,12,34\n");
    expect(readFileSync(found?.json ?? "", "latin1")).toBe('{"version": 1}\n');
    expect(text(folder)).toStartWith("/old/one\n");
    expect(findResults(folder.path).map(({ name }) => name)).toEqual(["org/app:1"]);
    expect(errors).toEqual([]);
  });

  test("leaves nothing without a path that can stand in the list", async () => {
    using folder = temporaryFolder();
    const { files } = run(folder);
    files.add(file("/one\ntwo"));
    expect(await files.finish()).toBe("nothing");
    expect(names(folder)).toEqual([]);
  });

  test("two of one container have files of their own", async () => {
    using folder = temporaryFolder();
    for (const [path, ms] of [
      ["/late", 2],
      ["/early", 1],
    ] as const) {
      const { files } = run(folder, { startedAt: new Date(1_700_000_000_000 + ms) });
      files.add(file(path));
      expect(await files.finish()).toBe("run");
    }
    const runs = await findRuns(folder.at("org/app:1"));
    expect(runs.map(({ list }) => readFileSync(list, "latin1"))).toEqual(["/early\n", "/late\n"]);
  });

  test("leaves no run when its list was taken away: it would be in the way of every merge", async () => {
    using folder = temporaryFolder();
    const { files, errors } = run(folder);
    files.add(file("/a"));
    const table = folder.at("org", runNames("app:1", "c0ffee", new Date(1_700_000_000_000)).csv);
    await waitFor(
      "the first lines",
      () => existsSync(table) && readFileSync(table, "latin1").includes("/a,"),
    );
    rmSync(folder.at("org"), { recursive: true });
    expect(await files.finish()).toBe("nothing");
    expect(await findRuns(folder.at("org/app:1"))).toEqual([]);
    expect(errors).toHaveLength(1);
  });

  test("leaves no run when its record cannot be written", async () => {
    using folder = temporaryFolder();
    const { files, errors } = run(folder, {
      provenance: () => {
        throw new Error("no record");
      },
    });
    files.add(file("/a"));
    expect(await files.finish()).toBe("nothing");
    expect(names(folder)).toEqual([]);
    expect(errors).toHaveLength(1);
  });

  test("a note never replaces the record of a list that a merge is making", async () => {
    using folder = temporaryFolder();
    await run(folder).files.note();
    expect(names(folder)).toEqual(["app:1.json"]);
    writeFileSync(folder.at("org/app:1.json"), "of a merge");
    const { files, errors } = run(folder);
    await files.note();
    expect(text(folder, ".json")).toBe("of a merge");
    expect(names(folder)).toEqual(["app:1.json"]);
    expect(errors).toEqual([]);
  });
});
