import { describe, expect } from "bun:test";
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  read,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { heldContainer } from "../helpers/held-container.ts";
import { type FakeContainer, fakeContainer } from "../helpers/nri-messages.ts";
import { mounting, preLaunch, type RunningPlugin } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

const overlay = { kind: "overlay", layers: [{ "/a": "a" }] } as const;
const PIPE_BYTES = 65_536;

const settings = (folder: TemporaryFolder, logFile: string): string =>
  `persist_dir = ${JSON.stringify(folder.at("lists"))}\nlog_file = ${JSON.stringify(logFile)}\n`;

function ofImage(id: string, image: string, pid: number = process.pid): FakeContainer {
  const annotations = { "io.kubernetes.cri.image-name": `docker.io/library/${image}` };
  return fakeContainer(id, { pid, annotations, name: "n".repeat(500) });
}

/** Starts containers that are not traced, since there is a list: each is a line of the log, of some 500 bytes. */
async function lines(plugin: RunningPlugin, from: number, count: number): Promise<void> {
  for (let id = from; id < from + count; id++) {
    expect(await plugin.runtime.event("StartContainer", ofImage(`c${id}`, "kept:1"))).toMatchObject({
      code: 0,
    });
  }
}

/** The numbers of the containers that lines of the text are about. */
const idsIn = (text: string): number[] =>
  text
    .split("\n")
    .flatMap((line) => (/ info container c(\d+) .* is kept /.exec(line) ?? []).slice(1).map(Number));
const range = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, index) => from + index);

describe("the log of a plugin", () => {
  rootTest("goes to a file that can be rotated, by its name and by SIGHUP", async () => {
    using folder = temporaryFolder();
    await Bun.write(folder.at("lists", "kept:1"), "/old\n");
    await using plugin = await preLaunch();
    const path = folder.at("log");
    await plugin.runtime.handshake(settings(folder, path));
    await lines(plugin, 0, 5);
    await waitFor("the lines", () => existsSync(path) && idsIn(readFileSync(path, "utf8")).length === 5);
    renameSync(path, `${path}.1`);
    process.kill(plugin.pid, "SIGHUP");
    let next = 5;
    while (!existsSync(path)) await lines(plugin, next++, 1);
    plugin.runtime.close();
    expect(await plugin.exited).toBe(0);
    const [older, newer] = [`${path}.1`, path].map((each) => readFileSync(each, "utf8"));
    expect(idsIn(`${older}${newer}`)).toEqual(range(0, next));
    expect(idsIn(newer ?? "").length).toBeGreaterThan(0);
    expect(newer).toEndWith(" info the runtime closed the connection\n");
    expect(await plugin.log()).toEqual([]);
  });

  rootTest("stays where it is while its file cannot be opened, and says so once", async () => {
    using folder = temporaryFolder();
    await Bun.write(folder.at("lists", "kept:1"), "/old\n");
    await using plugin = await preLaunch();
    const path = folder.at("none", "log");
    await plugin.runtime.handshake(settings(folder, path));
    await lines(plugin, 0, 5);
    plugin.runtime.close();
    const log = await plugin.log();
    expect(log.filter((line) => line.includes("the log file"))).toEqual([
      expect.stringContaining(
        ` error Cannot open the log file ${path}: ENOENT: the log goes here until it can`,
      ),
    ]);
    expect(idsIn(log.join("\n"))).toEqual(range(0, 5));
  });

  rootTest("loses lines on a full disk, and nothing else, and says how many afterwards", async () => {
    using folder = temporaryFolder();
    using disk = temporaryFolder();
    await Bun.write(folder.at("lists", "kept:1"), "/old\n");
    await using container = await heldContainer({ root: overlay });
    await using plugin = await preLaunch({ before: mounting(disk.path, "size=64k") });
    const path = disk.at("log");
    const seen = `/proc/${plugin.pid}/root${path}`;
    await plugin.runtime.handshake(settings(folder, path));
    await waitFor("the first line", () => existsSync(seen) && readFileSync(seen, "utf8").endsWith("\n"));
    const fill = Buffer.alloc(1 << 20);
    expect(() => writeFileSync(`/proc/${plugin.pid}/root${disk.at("fill")}`, fill)).toThrow("ENOSPC");
    await lines(plugin, 0, 30);
    await plugin.runtime.event("StartContainer", ofImage("traced", "nginx:1", container.pid));
    await container.tell("open", "/a");
    await plugin.runtime.event("StopContainer", ofImage("traced", "nginx:1", container.pid));
    expect(readFileSync(folder.at("lists", "nginx:1"), "utf8")).toBe("/a\n");
    expect(JSON.parse(readFileSync(folder.at("lists", "nginx:1.json"), "utf8"))).toMatchObject({
      complete: true,
    });
    rmSync(`/proc/${plugin.pid}/root${disk.at("fill")}`);
    await lines(plugin, 30, 1);
    const text = await waitFor("the next line", () => {
      const found = readFileSync(seen, "utf8");
      return idsIn(found).includes(30) && found;
    });
    const [, lost] = / warn (\d+) lines of this log lost: ENOSPC\n/.exec(text) ?? [];
    const kept = idsIn(text).filter((id) => id < 30);
    // Of the 30 and the trace that ended.
    const other = text.includes("container traced ") ? 1 : 0;
    expect(kept.length + other + Number(lost)).toBe(31);
    expect(Number(lost)).toBeGreaterThan(10);
    expect(
      text
        .trimEnd()
        .split("\n")
        .filter((line) => !/^(\d{4}-\d\d-\d\dT\S+ (info|warn|error) .*|)$/.test(line)),
    ).toEqual([]);
  });

  rootTest(
    "holds up nothing when nobody reads it, and is all there for who does later",
    async () => {
      using folder = temporaryFolder();
      await Bun.write(folder.at("lists", "kept:1"), "/old\n");
      Bun.spawnSync(["mkfifo", folder.at("pipe")]);
      // Both ends, so that it neither ends nor waits.
      const pipe = openSync(folder.at("pipe"), constants.O_RDWR | constants.O_NONBLOCK);
      try {
        await using plugin = await preLaunch({ stderr: pipe });
        await plugin.runtime.handshake(settings(folder, ""));
        await lines(plugin, 0, 250);
        plugin.runtime.close();
        let text = "";
        let isOver = false;
        void plugin.exited.then(() => {
          isOver = true;
        });
        while (!isOver || !text.endsWith("the runtime closed the connection\n")) {
          text += await readSome(pipe);
          await Bun.sleep(1);
        }
        expect(text.length).toBeGreaterThan(PIPE_BYTES);
        expect(idsIn(text)).toEqual(range(0, 250));
      } finally {
        closeSync(pipe);
      }
    },
    30_000,
  );
});

/** What there is to read; nothing when there is nothing. */
function readSome(fd: number): Promise<string> {
  const buffer = Buffer.alloc(PIPE_BYTES);
  return new Promise((resolve) =>
    read(fd, buffer, 0, buffer.byteLength, null, (error, count) =>
      resolve(error ? "" : buffer.toString("utf8", 0, count)),
    ),
  );
}
