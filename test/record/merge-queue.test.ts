import { describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { mergeListsBy } from "../../src/cli/merge-lists.ts";
import { type MergeLists, MergeQueue, type MergeTarget } from "../../src/record/merge-queue.ts";
import { findRuns, runNames, stagingName } from "../../src/record/temporary.ts";
import { commandLine } from "../helpers/program.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

/** Puts the lines of all inputs into the output, when it is let. */
function bench(folder: TemporaryFolder, gate: () => Promise<void> = async () => {}) {
  const errors: string[] = [];
  const calls: string[][] = [];
  let busy = 0;
  const merge: MergeLists = async (inputs, output, signal) => {
    calls.push(inputs.map((input) => readFileSync(input, "latin1")));
    expect(++busy).toBe(1);
    const aborted = new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(new Error("aborted"))),
    );
    try {
      await Promise.race([gate(), aborted]);
      writeFileSync(output, inputs.map((input) => readFileSync(input, "latin1")).join(""));
      writeFileSync(`${output}.csv`, "");
      writeFileSync(`${output}.json`, `{"from": ${inputs.length}}`);
    } finally {
      busy--;
    }
  };
  const queue = new MergeQueue({ merge, onError: (message) => errors.push(message) });
  const path = folder.at("app:1");
  let count = 0;
  const leave = (line: string, result = path): void => {
    const { list, csv, json } = runNames(result, "c0ffee", new Date(1_700_000_000_000 + count++));
    const at = (name: string): string => join(dirname(result), name);
    writeFileSync(at(list), `${line}\n`);
    writeFileSync(at(csv), "");
    writeFileSync(at(json), "{}");
  };
  return {
    errors,
    calls,
    queue,
    path,
    /** A run of one line lies there, and nobody knows. */
    leave,
    /** A run of one line has ended. */
    run(line: string, result = path): void {
      leave(line, result);
      queue.add(targetOf(result));
    },
  };
}

function targetOf(path: string): MergeTarget {
  return { directory: dirname(path), name: basename(path) };
}

const text = (path: string): string => readFileSync(path, "latin1");

describe("MergeQueue", () => {
  test("merges a run into the standing result and removes it", async () => {
    using folder = temporaryFolder();
    const { queue, calls, path, run, errors } = bench(folder);
    run("/a");
    await queue.finish(50_000);
    expect(text(path)).toBe("/a\n");
    run("/b");
    await queue.finish(50_000);
    expect(text(path)).toBe("/a\n/b\n");
    expect(calls).toEqual([["/a\n"], ["/a\n", "/b\n"]]);
    expect(text(`${path}.json`)).toBe('{"from": 2}');
    expect(readdirSync(folder.path).toSorted()).toEqual(["app:1", "app:1.csv", "app:1.json"]);
    expect(errors).toEqual([]);
  });

  test("merges what came meanwhile at once, and each result by itself", async () => {
    using folder = temporaryFolder();
    const open = Promise.withResolvers<void>();
    const { queue, calls, path, run } = bench(folder, () => open.promise);
    const other = folder.at("other:1");
    run("/a");
    await waitFor("the first merge", () => calls.length === 1);
    run("/x", other);
    for (const line of ["/b", "/c", "/d"]) run(line);
    open.resolve();
    await queue.finish(50_000);
    expect(calls).toEqual([["/a\n"], ["/x\n"], ["/a\n", "/b\n", "/c\n", "/d\n"]]);
    expect(text(path)).toBe("/a\n/b\n/c\n/d\n");
    expect(text(other)).toBe("/x\n");
  });

  test("merges a hundred at once, and the rest after them", async () => {
    using folder = temporaryFolder();
    const { queue, calls, path, leave } = bench(folder);
    for (let index = 0; index < 250; index++) leave(`/${index}`);
    queue.add(targetOf(path));
    await queue.finish(50_000);
    expect(calls.map((inputs) => inputs.length)).toEqual([100, 101, 51]);
    expect(text(path)).toBe(Array.from({ length: 250 }, (_, index) => `/${index}\n`).join(""));
  });

  test("tells a failure once; the result stays, and the run is merged with the next one", async () => {
    using folder = temporaryFolder();
    let fails = true;
    const { queue, path, run, errors } = bench(folder, async () => {
      if (fails) throw new Error("no space");
    });
    writeFileSync(path, "/old\n");
    run("/a");
    await queue.finish(50_000);
    expect(errors).toEqual([`Cannot merge runs into ${path}: no space; they stay for the next merge`]);
    expect(text(path)).toBe("/old\n");
    expect(await findRuns(path)).toHaveLength(1);
    fails = false;
    run("/b");
    await queue.finish(50_000);
    expect(text(path)).toBe("/old\n/a\n/b\n");
    expect(errors).toHaveLength(1);
  });

  test("at the end of the program what is not merged stays, which is told once", async () => {
    using folder = temporaryFolder();
    const { queue, calls, path, run, errors } = bench(folder, () => new Promise(() => {}));
    const other = folder.at("other:1");
    run("/a");
    await waitFor("the first merge", () => calls.length === 1);
    run("/x", other);
    await queue.finish(1);
    expect(errors).toEqual([
      `Cannot merge runs into ${other}, ${path} before the end; they stay for the next merge`,
    ]);
    expect([existsSync(path), existsSync(other)]).toEqual([false, false]);
    expect([await findRuns(path), await findRuns(other)].map((runs) => runs.length)).toEqual([1, 1]);
  });

  test("takes no run of another result, none that goes on, and nothing from a folder that is gone", async () => {
    using folder = temporaryFolder();
    const { queue, calls, path, run, errors } = bench(folder);
    const other = folder.at("other:1");
    run("/x", other);
    writeFileSync(join(dirname(path), runNames(path, "beef", new Date(0)).list), "/goes/on\n");
    queue.add(targetOf(path));
    queue.add(targetOf(folder.at("gone/app:1")));
    await queue.finish(50_000);
    expect(calls).toEqual([["/x\n"]]);
    expect(errors).toEqual([]);
  });
});

describe("MergeQueue with optimizer merge, where others have planted links", () => {
  const plant = (folder: TemporaryFolder) => {
    const errors: string[] = [];
    const merge = mergeListsBy(commandLine([]));
    const queue = new MergeQueue({ merge, onError: (message) => errors.push(message) });
    mkdirSync(folder.at("secret"));
    for (const name of ["list", "list.json"]) writeFileSync(folder.at("secret", name), "/secret\n");
    mkdirSync(folder.at("lists"));
    /** A run of one line waits for a result. */
    const leave = (name: string, startedAt = new Date(0)): string => {
      const at = folder.at("lists", dirname(name), runNames(name, "c1", startedAt).list);
      writeFileSync(at, "/a\n");
      writeFileSync(`${at}.csv`, "path,size,elapsed\n/a,1,1\n");
      writeFileSync(`${at}.json`, '{"state": "ended", "complete": true}');
      return at;
    };
    return { queue, errors, leave, target: (name: string) => ({ directory: folder.at("lists"), name }) };
  };

  test("a list, a table and a record that are links are not read, but replaced", async () => {
    using folder = temporaryFolder();
    const { queue, errors, leave, target } = plant(folder);
    leave("app:1");
    for (const name of ["app:1", "app:1.csv", "app:1.json"]) {
      symlinkSync(folder.at("secret/list"), folder.at("lists", name));
    }
    queue.add(target("app:1"));
    await queue.finish(50_000);
    expect(errors).toEqual([]);
    expect(readFileSync(folder.at("lists/app:1"), "utf8")).toBe("/a\n");
    expect(readFileSync(folder.at("secret/list"), "utf8")).toBe("/secret\n");
    expect(lstatSync(folder.at("lists/app:1")).isFile()).toBe(true);
  });

  test("a run that is a link is not read", async () => {
    using folder = temporaryFolder();
    const { queue, errors, leave, target } = plant(folder);
    leave("app:1", new Date(1));
    const linked = leave("app:1", new Date(2));
    for (const ending of ["", ".csv"]) {
      unlinkSync(linked + ending);
      symlinkSync(folder.at("secret/list"), linked + ending);
    }
    queue.add(target("app:1"));
    await queue.finish(50_000);
    expect(errors).toEqual([]);
    expect(JSON.parse(text(folder.at("lists/app:1.json"))).merged.runs).toBe(1);
    expect(text(folder.at("lists/app:1"))).toBe("/a\n");
  });

  test("a staging folder that is a link is taken away, and nothing out of it", async () => {
    using folder = temporaryFolder();
    const { queue, errors, leave, target } = plant(folder);
    leave("app:1");
    unlinkSync(folder.at("secret/list"));
    symlinkSync(folder.at("secret"), folder.at("lists", stagingName("app:1")));
    queue.add(target("app:1"));
    await queue.finish(50_000);
    expect(errors).toEqual([]);
    expect(readdirSync(folder.at("secret"))).toEqual(["list.json"]);
    expect(readdirSync(folder.at("lists")).sort()).toEqual(["app:1", "app:1.csv", "app:1.json"]);
  });

  test("a folder on the way that is a link is not entered", async () => {
    using folder = temporaryFolder();
    const { queue, errors, leave, target } = plant(folder);
    symlinkSync(folder.at("secret"), folder.at("lists/org"));
    leave("org/app:1");
    queue.add(target("org/app:1"));
    await queue.finish(50_000);
    expect(errors).toEqual([]);
    expect(readdirSync(folder.at("secret"))).not.toContain("app:1");
  });
});
