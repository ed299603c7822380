import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import type { NativeTracer } from "../../src/sys/shim.ts";
import { heldContainer, toolProgram } from "../helpers/held-container.ts";
import { holdingsOf } from "../helpers/holdings.ts";
import { queueLimit } from "../helpers/queue-limit.ts";
import { rootTest } from "../helpers/root.ts";
import { bench, files, info, json, label, list, names, runtime } from "../helpers/session-bench.ts";
import { waitFor } from "../helpers/wait-for.ts";

const NAME = "nginx:latest";
const tmpfs = { kind: "mount", fsType: "tmpfs", options: [] } as const;
const many = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`/many/${index}`, ""]));

describe("a list with holes says so", () => {
  rootTest("when the kernel's queue was full", async () => {
    using limit = queueLimit(8);
    await using its = await bench({ boundedQueue: true });
    limit[Symbol.dispose](); // it is the group's by now
    const container = await its.start("c1", {}, [many]);
    await container.tell("many", "/many/", "3000");
    await its.sessions.stop("c1");
    expect(json(its.folder)).toMatchObject({
      complete: false,
      state: "ended",
      reason: "container stopped",
      trouble: ["queue overflow"],
    });
    expect(json(its.folder).counts.overflows).toBeGreaterThan(0);
    expect(list(its.folder).split("\n").length).toBeLessThan(3000);
    expect(its.lines).toHaveLength(1);
    expect(its.lines[0]).toStartWith(`warn ${label("c1")}: `);
    expect(its.lines[0]).toEndWith("(container stopped); the list is not complete: queue overflow");
  });

  rootTest("to each container of the time, since nobody knows whose opens were lost", async () => {
    using limit = queueLimit(8);
    await using its = await bench({ boundedQueue: true });
    limit[Symbol.dispose]();
    const container = await its.start("c1", {}, [many]);
    await using quiet = await heldContainer({ root: { kind: "overlay", layers: [files] } });
    await its.sessions.start(info("c2", quiet, { imageReference: "quiet:1" }), its.config(), runtime);
    await quiet.tell("open", "/a");
    await container.tell("many", "/many/", "3000");
    await its.sessions.stop("c1");
    await its.sessions.stop("c2");
    expect(json(its.folder, "quiet:1")).toMatchObject({ complete: false, trouble: ["queue overflow"] });
  });

  rootTest("when its process has another root by now", async () => {
    await using its = await bench();
    await using container = await heldContainer({ root: tmpfs });
    for (const path of ["/file", "/other/file"]) {
      if (path === "/other/file") await container.tell("mkdir", "/other");
      await container.tell("write", path, "text");
    }
    await its.sessions.start(info("c1", container), its.config(), runtime);
    await container.tell("open", "/file");
    await container.tell("pivot", "/other");
    await container.tell("open", "/file");
    await its.sessions.endAll("timeout");
    expect(list(its.folder)).toBe("/file\n");
    expect(json(its.folder)).toMatchObject({
      complete: false,
      reason: "timeout",
      trouble: ["the root file system had been replaced"],
      counts: { lost: 1 },
    });
    expect(its.lines.at(-1)).toEndWith("the list is not complete: the root file system had been replaced");
  });

  rootTest("when somebody took its mark away", async () => {
    await using its = await bench({ wrap: unmarkTwice });
    await using container = await heldContainer({ root: tmpfs });
    await container.tell("write", "/file", "text");
    await its.sessions.start(info("c1", container), its.config(), runtime);
    await container.tell("open", "/file");
    await its.sessions.endAll("timeout");
    expect(list(its.folder)).toBe("/file\n");
    expect(json(its.folder)).toMatchObject({
      complete: false,
      reason: "timeout",
      trouble: ["the mark had vanished"],
    });
  });
});

describe("a list has no holes", () => {
  rootTest("when its root is unmounted lazily while its process goes on", async () => {
    await using its = await bench();
    await using container = await heldContainer({ root: tmpfs });
    for (const path of ["/one", "/two"]) await container.tell("write", path, "text");
    await its.sessions.start(info("c1", container), its.config(), runtime);
    await container.tell("open", "/one");
    await container.tell("detach", "/");
    await container.tell("open", "/two");
    await its.sessions.endAll("timeout");
    expect(list(its.folder)).toBe("/one\n/two\n");
    expect(json(its.folder)).toMatchObject({ complete: true, trouble: [] });
  });

  rootTest(
    "when files are opened through its own bind mounts, by processes that are gone at once",
    async () => {
      const layer = { "/bin/tool": toolProgram(), "/usr/share/doc": "x", "/sandbox/doc": "hidden" };
      await using its = await bench();
      const container = await its.start("c1", {}, [layer]);
      await container.tell("bind", "/usr/share", "/sandbox");
      for (let round = 0; round < 20; round++)
        await container.tell("run", "/bin/tool", "open", "/sandbox/doc");
      await its.sessions.stop("c1");
      expect(list(its.folder)).toBe("/bin/tool\n/usr/share/doc\n");
      expect(json(its.folder)).toMatchObject({ complete: true, trouble: [] });
    },
  );
});

describe("a container that is not traced gets a note", () => {
  for (const [what, wrap, cause] of [
    ["that is gone before its mount table is read", undefined, "ENOENT for its mount table"],
    ["that is gone before its mark is set", markLate, "cannot open its root: ENOENT"],
  ] as const) {
    rootTest(`of a process ${what}`, async () => {
      const container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
      const end = () => container[Symbol.asyncDispose]();
      await using its = await bench(wrap === undefined ? {} : { wrap: wrap(end) });
      if (wrap === undefined) await end();
      await its.sessions.start(info("c1", container), its.config(), runtime);
      await waitFor("the note", () => existsSync(its.folder.at("lists", `${NAME}.json`)));
      const why = `Cannot trace process ${container.pid}: ${cause}`;
      expect(json(its.folder)).toMatchObject({
        complete: false,
        state: "ended",
        reason: "failed",
        trouble: [why],
        container: { id: "c1" },
        counts: { listed: 0, events: 0 },
        filter: { kind: "none", why: "nothing was traced" },
      });
      expect(names(its.folder)).toEqual([`${NAME}.json`]);
      expect(its.lines).toEqual([`warn ${label("c1")} is not traced: ${why}`]);
      expect(its.tracer.active).toBe(0);
    });
  }

  rootTest("whose root is the host's own", async () => {
    await using its = await bench();
    await its.sessions.start(info("c1", process), its.config(), runtime);
    await waitFor("the note", () => existsSync(its.folder.at("lists", `${NAME}.json`)));
    const why = `Cannot trace process ${process.pid}: its root is the host's own`;
    expect(json(its.folder)).toMatchObject({ complete: false, reason: "failed", trouble: [why] });
    expect(names(its.folder)).toEqual([`${NAME}.json`]);
    expect(its.lines).toEqual([`warn ${label("c1")} is not traced: ${why}`]);
  });

  rootTest("unless there is a list, which it would belie", async () => {
    await using its = await bench();
    mkdirSync(its.folder.at("lists"));
    writeFileSync(its.folder.at("lists", NAME), "/old\n");
    await its.sessions.start(info("c1", process), its.config({ overwrite: true }), runtime);
    await using container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
    await its.sessions.start(info("c2", container, { imageReference: "other:1" }), its.config(), runtime);
    await container.tell("open", "/a");
    await its.sessions.stop("c2");
    expect(names(its.folder).filter((name) => name.startsWith("nginx"))).toEqual([NAME]);
    expect(list(its.folder)).toBe("/old\n");
    expect(its.lines[0]).toContain("is not traced: ");
  });
});

/** Takes each mark back before the tracer itself does: there is no other way for a mark to go before its mount. */
function unmarkTwice(native: NativeTracer): NativeTracer {
  const STRAY = 2 ** 40;
  return {
    ...native,
    unmark(token, ...mark) {
      native.unmark(STRAY, ...mark);
      void waitFor("the mark to be gone", () => holdingsOf(process.pid).marks === 0).then(() =>
        native.unmark(token, ...mark),
      );
    },
  };
}

/** Marks when `end` is over. */
function markLate(end: () => Promise<void>) {
  return (native: NativeTracer): NativeTracer => ({
    ...native,
    mark: (...mark) => void end().then(() => native.mark(...mark)),
  });
}
