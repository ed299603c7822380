import { describe, expect } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { heldContainer, writeLayer } from "../helpers/held-container.ts";
import { fakeContainer } from "../helpers/nri-messages.ts";
import { commandLine, mounting, preLaunch, runToEnd } from "../helpers/program.ts";
import { queueLimit } from "../helpers/queue-limit.ts";
import { rootTest } from "../helpers/root.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

const FILES = 3000;
const paths = Array.from({ length: FILES }, (_, index) => `/many/${index}`);
const layer = { "/a": "a", ...Object.fromEntries(paths.map((path) => [path, ""])) };
const overlay = { kind: "overlay", layers: [layer] } as const;

/** A container of the image nginx:latest. */
const nginx = ({ pid }: { readonly pid: number }) => fakeContainer("c1", { pid });
const settings = (folder: TemporaryFolder): string => `persist_dir = ${JSON.stringify(folder.path)}\n`;

describe("optimizer trace of a list with holes", () => {
  /** Reads all files, as often as it takes to be too fast for a tracer that is held up. */
  const readAll = 'cat "$1"/many/* "$1"/many/*';
  for (const [what, script, env, loss] of [
    ["the kernel's queue is full", readAll, { OPTIMIZER_TEST_BOUNDED_QUEUE: "1" }, "queue overflow"],
    // The standard streams keep theirs.
    ["no event gets a descriptor", `prlimit --pid $PPID --nofile=3 && ${readAll}`, {}, "event lost: EMFILE"],
  ] as const) {
    rootTest(`says so, and exits with 3, when ${what}`, async () => {
      using folder = temporaryFolder();
      writeLayer(folder.path, layer);
      using _limit = queueLimit(8);
      const words = ["trace", "--json", "--", "/bin/sh", "-c", script, "sh", folder.path];
      const { stdout, stderr, exitCode } = await runToEnd(commandLine(words), env);
      const report = JSON.parse(stdout);
      expect(report).toMatchObject({ complete: false, trouble: [loss] });
      expect(report.counts[loss === "queue overflow" ? "overflows" : "lost"]).toBeGreaterThan(0);
      expect(stderr).toEndWith(`\nThe list is not complete: ${loss}\n`);
      expect(exitCode).toBe(3);
    });
  }
});

describe("optimizer as a plugin", () => {
  rootTest("says so in the json and in the log when events get no descriptor for a while", async () => {
    using folder = temporaryFolder();
    await using container = await heldContainer({ root: overlay });
    await using plugin = await preLaunch();
    await plugin.runtime.handshake(settings(folder));
    await plugin.runtime.event("StartContainer", nginx(container));
    await container.tell("open", "/a");
    await waitFor("the list", () => existsSync(folder.at("nginx:latest.json")));
    const soft = await setOpenFileLimit(plugin.pid, 3);
    await container.tell("many", "/many/", `${FILES}`);
    await setOpenFileLimit(plugin.pid, soft); // for the last words, which need one
    await plugin.runtime.event("StopContainer", nginx(container));
    plugin.runtime.close();
    const loss = "event lost: EMFILE";
    const record = JSON.parse(readFileSync(folder.at("nginx:latest.json"), "utf8"));
    expect(record).toMatchObject({ complete: false, trouble: [loss] });
    expect(record.counts.lost).toBeGreaterThan(0);
    expect(record.counts.listed + record.counts.lost).toBe(1 + FILES);
    expect((await plugin.log()).at(-2)).toEndWith(`(container stopped); the list is not complete: ${loss}`);
  });

  rootTest("lets a container run, and says so, when the disk gets full", async () => {
    using folder = temporaryFolder();
    await using container = await heldContainer({ root: overlay });
    await using plugin = await preLaunch({ before: mounting(folder.path, "size=64k") });
    await plugin.runtime.handshake(settings(folder));
    expect(await plugin.runtime.event("StartContainer", nginx(container))).toMatchObject({ code: 0 });
    await container.tell("many", "/many/", `${FILES}`);
    expect(await plugin.runtime.event("StopContainer", nginx(container))).toMatchObject({ code: 0 });
    const trouble = `Cannot write ${folder.at("nginx:latest")}: ENOSPC`;
    const path = `/proc/${plugin.pid}/root${folder.at("nginx:latest.json")}`;
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ complete: false, trouble: [trouble] });
    plugin.runtime.close();
    const log = await plugin.log();
    expect(log.some((line) => line.endsWith(`: ${trouble}`))).toBe(true);
    expect(log.at(-2)).toEndWith(`the list is not complete: ${trouble}`);
    expect(await plugin.exited).toBe(0);
  });

  rootTest("lets a container run, and records nothing in vain, when the disk is read-only", async () => {
    using folder = temporaryFolder();
    await using container = await heldContainer({ root: overlay });
    await using plugin = await preLaunch({ before: mounting(folder.path, "ro") });
    await plugin.runtime.handshake(settings(folder));
    expect(await plugin.runtime.event("StartContainer", nginx(container))).toMatchObject({ code: 0 });
    await container.tell("many", "/many/", `${FILES}`);
    expect(await plugin.runtime.event("StopContainer", nginx(container))).toMatchObject({ code: 0 });
    plugin.runtime.close();
    const log = await plugin.log();
    const cure =
      "mount it writable (in a pod: a hostPath volume of type DirectoryOrCreate), or set persist_dir to another folder";
    const why = `no result can be written to ${folder.path}: EROFS; ${cure}`;
    // At the start, and for the container.
    expect(log.filter((line) => line.endsWith(` error ${why}`))).toHaveLength(1);
    expect(log.filter((line) => line.endsWith(` is not traced: ${why}`))).toHaveLength(1);
    expect(await plugin.exited).toBe(0);
  });
});

/** Sets the soft limit of open files of a process, and returns the one that it had. */
async function setOpenFileLimit(pid: number, limit: number): Promise<number> {
  const before = await Bun.$`prlimit --pid ${pid} --nofile --noheadings --output SOFT`.text();
  await Bun.$`prlimit --pid ${pid} --nofile=${limit}:`.quiet();
  return Number(before);
}
