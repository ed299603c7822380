import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { Containerd } from "../../scripts/rig/containerd.ts";
import { ExternalPlugin } from "../../scripts/rig/external-plugin.ts";
import type { ResultRecord } from "../../scripts/rig/host.ts";
import { Images, STATIC_FILES } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import type { Pod } from "../../scripts/rig/pod.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";

const RESTARTS = 50;
/** A container is started after every one of so many restarts. */
const CONTAINER_EVERY = 10;
const BACK_WITHIN_MS = 5000;
const PLUGIN_KILLS = 5;
const TEST_TIMEOUT_MS = 300_000;

const packages = await fetchPackages(console.error);
const expected = [
  "/static",
  ...Array.from({ length: STATIC_FILES }, (_, index) => `/data/${`${index}`.padStart(3, "0")}`),
];

let containerd: Containerd;
let image: string;
/** For all containers: it outlives containerd. */
let pod: Pod;
let containers = 0;

beforeAll(async () => {
  containerd = await Containerd.start({ version: "2.1", packages, nri: {} });
  const images = new Images(join(currentRun().folder, "images"), packages);
  image = (await containerd.importImage(await images.static())).id;
  pod = await containerd.startPod();
});

afterAll(async () => {
  await containerd[Symbol.asyncDispose]();
});

/** A folder for the results of a test, and for its plugins. */
function testFolder() {
  const folder = mkdtempSync(join(currentRun().folder, "restarts-"));
  const results = join(folder, "results");
  const config = `persist_dir = ${JSON.stringify(results)}\noverwrite = true\n`;
  let plugins = 0;
  return {
    results,
    startPlugin: () => ExternalPlugin.start(containerd, join(folder, `plugin-${++plugins}`), config),
  };
}

/** Runs a container to its end, and returns its id. */
async function runContainer(): Promise<string> {
  const container = await containerd.runContainerIn(pod, { image, name: `c${++containers}` });
  expect((await container.waitExited()).exitCode).toBe(0);
  await container.removeContainer();
  return container.id;
}

/** Waits until these plugins have told what became of a container, and returns how many lines each wrote of it. */
async function linesOf(id: string, ...plugins: readonly ExternalPlugin[]): Promise<number[]> {
  const count = (plugin: ExternalPlugin) =>
    plugin
      .log()
      .split("\n")
      .filter((line) => line.includes(`container ${id.slice(0, 12)} `)).length;
  await waitFor(() => plugins.every((plugin) => count(plugin) > 0), {
    what: `the container ${id} to be told of`,
    explain: () => plugins.map((plugin) => plugin.log()).join("\n"),
  });
  return plugins.map(count);
}

function listIn(results: string): string[] {
  return readFileSync(join(results, "static:latest"), "latin1").split("\n").slice(0, -1);
}

function recordIn(results: string): ResultRecord {
  return JSON.parse(readFileSync(join(results, "static:latest.json"), "utf8")) as ResultRecord;
}

/** How many plugins are connected to containerd: its own ends of the connections, which bear the socket's name. */
function connections(): number {
  const fds = `/proc/${containerd.pid}/fd`;
  const own = new Set(readdirSync(fds).map((fd) => readlink(join(fds, fd))));
  return readFileSync("/proc/net/unix", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , , , state, inode, path]) => {
      return state === CONNECTED && path === containerd.paths.nriSocket && own.has(`socket:[${inode}]`);
    }).length;
}

const CONNECTED = "03";

/** Empty when the descriptor is closed already. */
function readlink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

describe("an external plugin of containerd 2.1", () => {
  test(
    `is back within ${BACK_WITHIN_MS} ms, and once, after each of ${RESTARTS} restarts of containerd`,
    async () => {
      const { results, startPlugin } = testFolder();
      await using plugin = await startPlugin();
      const waitsMs: number[] = [];
      for (let restart = 1; restart <= RESTARTS; restart++) {
        await (restart % 2 === 0 ? containerd.stop() : containerd.kill());
        await containerd.start();
        const readyMs = performance.now();
        await waitFor(() => plugin.timesConfigured() > restart, {
          what: `the plugin to be back after restart ${restart}`,
          timeoutMs: BACK_WITHIN_MS,
          explain: () => `${plugin.log()}\n${containerd.logTail()}`,
        });
        waitsMs.push(performance.now() - readyMs);
        expect({ restart, connections: connections() }).toEqual({ restart, connections: 1 });
        if (restart % CONTAINER_EVERY !== 0) continue;
        const id = await runContainer();
        expect({ restart, lines: await linesOf(id, plugin) }).toEqual({ restart, lines: [1] });
        expect(listIn(results)).toEqual(expected);
        expect(recordIn(results)).toMatchObject({ complete: true, container: { id } });
      }
      expect(plugin.timesConfigured()).toBe(1 + RESTARTS);
      const median = waitsMs.toSorted((a, b) => a - b)[RESTARTS / 2] ?? Number.NaN;
      console.error(
        `restarts: back after ${median.toFixed(0)} ms in the median, ${Math.max(...waitsMs).toFixed(0)} ms at most`,
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(`may be killed ${PLUGIN_KILLS} times: containers start without it, and it traces again`, async () => {
    const { results, startPlugin } = testFolder();
    const containerdPid = containerd.pid;
    for (let kill = 0; kill < PLUGIN_KILLS; kill++) {
      await using plugin = await startPlugin();
      const id = await runContainer();
      expect(await linesOf(id, plugin)).toEqual([1]);
      expect(listIn(results)).toEqual(expected);
      expect(recordIn(results)).toMatchObject({ complete: true, container: { id } });
      await plugin.stop("SIGKILL");
      const untraced = await runContainer();
      expect(recordIn(results).container.id).not.toBe(untraced);
      expect(connections()).toBe(0);
    }
    expect(containerd.pid).toBe(containerdPid);
    expect((await containerd.cri.runtime.version({})).runtimeName).toBe("containerd");
  });

  test("is killed while a container starts, which starts all the same", async () => {
    const { startPlugin } = testFolder();
    for (let kill = 0; kill < PLUGIN_KILLS; kill++) {
      await using plugin = await startPlugin();
      const container = runContainer();
      await plugin.stop("SIGKILL");
      await container;
    }
  });

  test("may be there twice, with one folder: both answer, and the result is valid", async () => {
    const { results, startPlugin } = testFolder();
    await using one = await startPlugin();
    await using other = await startPlugin();
    expect(connections()).toBe(2);
    for (let start = 0; start < 3; start++) {
      const id = await runContainer();
      await linesOf(id, one, other);
      const record = recordIn(results);
      expect(record).toMatchObject({ state: "ended", container: { id } });
      expect(expected.join("\n")).toStartWith(listIn(results).join("\n"));
      if (record.complete) expect(listIn(results)).toEqual(expected);
    }
    expect(readdirSync(results).toSorted()).toEqual(
      ["", ".csv", ".json"].map((suffix) => `static:latest${suffix}`),
    );
  });
});
