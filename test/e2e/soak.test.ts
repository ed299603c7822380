import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { ContainerOptions } from "../../scripts/rig/container.ts";
import { Host } from "../../scripts/rig/host.ts";
import { Images } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { heldContainer, writeLayer } from "../helpers/held-container.ts";
import { type Holdings, holdingsOf } from "../helpers/holdings.ts";
import { HostileText } from "../helpers/hostile-text.ts";
import { fakeContainer } from "../helpers/nri-messages.ts";
import { preLaunch, type RunningPlugin } from "../helpers/program.ts";
import { random, testSeed } from "../helpers/random.ts";
import { MEMORY, type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { changedPaths, treeOf } from "../helpers/tree.ts";

/** On the fake runtime, and on a containerd. */
const CONTAINERS = 2000;
const REAL_CONTAINERS = 200;
/** What is held after these is what may be held in the end. */
const FIRST = 100;
const LANES = 8;
const REAL_LANES = 4;
const FILES = 20;
/** Each container opens this many files of the layer. */
const OPENED = 5;
/** Every one of so many has the image that all of them share, whose list is replaced each time. */
const SHARED_EVERY = 4;
/** The heap of a collector breathes by some MiB. A leak of 7 KiB a container would be more than this. */
const MEMORY_MARGIN = 12 << 20;
const SETTLE_TIMEOUT_MS = 20_000;
const TEST_TIMEOUT_MS = 300_000;

const layer = Array.from({ length: FILES }, (_, file) => `/data/${file}`);

/** What container `index` opens, in this order. */
function opened(index: number): string[] {
  return Array.from({ length: OPENED }, (_, step) => `/data/${(index + step * 7) % FILES}`);
}

function imageOf(index: number): string {
  return index % SHARED_EVERY === 0 ? "shared:1" : `soak/app:${index}`;
}

/** Calls `run` for each number from `from` to `to`, on some lanes at once. */
async function forEach(
  [from, to]: readonly [number, number],
  lanes: number,
  run: (index: number, lane: number) => Promise<void>,
): Promise<void> {
  let next = from;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      while (next < to) await run(next++, lane);
    }),
  );
}

/** One life of a container: it is started, opens files, ends and is stopped. */
async function liveOnce({ runtime }: RunningPlugin, shared: string, index: number): Promise<void> {
  await using container = await heldContainer({ root: { kind: "overlay", layers: [shared] } });
  const annotations = { "io.kubernetes.cri.image-name": `docker.io/${imageOf(index)}` };
  const its = fakeContainer(`c${index}`, { pid: container.pid, annotations });
  expect(await runtime.event("StartContainer", its)).toMatchObject({ code: 0 });
  await container.tell("open", ...opened(index));
  await container.end();
  expect(await runtime.event("StopContainer", its)).toMatchObject({ code: 0 });
}

/** What the plugin holds once it has nothing to do and has tidied up: the least memory of some looks. */
async function settled(pid: number): Promise<Holdings> {
  await waitFor(() => holdingsOf(pid).marks + holdingsOf(pid).ignored === 0, {
    what: "the marks to be given back",
    timeoutMs: SETTLE_TIMEOUT_MS,
  });
  const looks: Holdings[] = [];
  await waitFor(() => looks.push(holdingsOf(pid)) >= 200, { what: "some looks" });
  return looks.reduce((least, look) => (look.memory < least.memory ? look : least));
}

/** Waits until the plugin holds no more than it did at first. Memory may be a margin more. */
function noMoreThan(first: Holdings, pid: number): Promise<Holdings> {
  return waitFor(
    () => {
      const now = holdingsOf(pid);
      const same = now.descriptors <= first.descriptors && now.threads <= first.threads;
      const bare = now.marks === 0 && now.ignored === 0;
      return same && bare && now.memory <= first.memory + MEMORY_MARGIN && now;
    },
    {
      what: "the plugin to hold no more than after its first containers",
      timeoutMs: SETTLE_TIMEOUT_MS,
      explain: () => JSON.stringify({ first, now: holdingsOf(pid) }),
    },
  );
}

function temporaryFilesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "latin1" }).filter(isLeft);
}

/** The plugin's own lock stays for as long as it lives. */
function isLeft(path: string): boolean {
  return /(?:^|\/)\.optimizer-/.test(path) && !path.endsWith(".lock");
}

function recordOf(folder: TemporaryFolder, image: string) {
  return JSON.parse(readFileSync(folder.at("lists", `${image}.json`), "utf8"));
}

test(
  `${CONTAINERS} containers come and go, and the plugin holds what it held after ${FIRST}`,
  async () => {
    using folder = temporaryFolder(MEMORY);
    writeLayer(folder.at("layer"), Object.fromEntries(layer.map((path) => [path, path])));
    await using plugin = await preLaunch({ program: "built", stderr: "ignore" });
    const lists = folder.at("lists");
    await plugin.runtime.handshake(`persist_dir = ${JSON.stringify(lists)}\noverwrite = true\n`);
    const run = (index: number) => liveOnce(plugin, folder.at("layer"), index);

    await forEach([0, FIRST], LANES, run);
    const first = await settled(plugin.pid);
    await forEach([FIRST, CONTAINERS], LANES, run);
    const last = await noMoreThan(first, plugin.pid);
    console.error(
      `soak: after ${FIRST} ${JSON.stringify(first)}, after ${CONTAINERS} ${JSON.stringify(last)}`,
    );

    for (let index = 0; index < CONTAINERS; index++) {
      if (index % SHARED_EVERY === 0) continue;
      const image = imageOf(index);
      const list = readFileSync(folder.at("lists", image), "latin1").split("\n").slice(0, -1);
      expect({ image, list }).toEqual({ image, list: opened(index) });
      expect(recordOf(folder, image)).toMatchObject({ complete: true, state: "ended", trouble: [] });
    }
    expect(recordOf(folder, "shared:1")).toMatchObject({ state: "ended", trouble: [] });
    expect(temporaryFilesIn(lists)).toEqual([]);
    expect(plugin.runtime.violations).toEqual([]);
  },
  TEST_TIMEOUT_MS,
);

describe("in containerd 2.1", () => {
  let host: Host;

  beforeAll(async () => {
    const packages = await fetchPackages(console.error);
    host = await Host.start({
      version: "2.1",
      launch: "pre-launched",
      packages,
      config: "overwrite = true\n",
    });
    const images = new Images(join(currentRun().folder, "images"), packages);
    for (const name of EXTREME_NAMES) await host.containerd.importImage(await images.static(name));
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  // One test for both, since each of these starts costs a third of a second of the processor.
  test(
    `${REAL_CONTAINERS} containers with hostile names and annotations come and go: all start, no file is outside of persist_dir, and the plugin holds what it held after ${FIRST}`,
    async () => {
      const seed = testSeed();
      console.error(`soak: TEST_SEED=${seed}`);
      const text = new HostileText(random(seed));
      const { containerd, results } = host;
      const pod = await containerd.startPod({
        name: "soak",
        annotations: { [`a${text.word()}`]: text.word() },
      });
      const pid = host.pluginPid();
      mkdirSync(results, { recursive: true }); // so that its folder stays as it is
      const before = treeOf(dirname(results), results);
      const run = async (index: number) => {
        const container = await containerd.runContainerIn(pod, hostileOptions(text, index));
        await waitFor(() => !existsSync(`/proc/${container.pid}`), { what: `container ${index} to end` });
        expect((await container.waitExited()).exitCode).toBe(0);
        await container.removeContainer();
      };
      await forEach([0, FIRST], REAL_LANES, run);
      const first = await settled(pid);
      await forEach([FIRST, REAL_CONTAINERS], REAL_LANES, run);
      const last = await noMoreThan(first, pid);
      console.error(
        `soak: after ${FIRST} ${JSON.stringify(first)}, after ${REAL_CONTAINERS} ${JSON.stringify(last)}`,
      );
      expect(host.pluginPid()).toBe(pid);
      expect(changedPaths(before, treeOf(dirname(results), results))).toEqual([]);
      const names = [...treeOf(results).keys()];
      expect(names.filter(isLeft)).toEqual([]);
      expect(names.filter((name) => name.endsWith(".csv")).length).toBeGreaterThan(EXTREME_NAMES.length);
    },
    TEST_TIMEOUT_MS,
  );
});

/** Names of images that are as odd as they may be. */
const EXTREME_NAMES = [
  `docker.io/library/${"a".repeat(230)}:${"b".repeat(128)}`,
  `docker.io/${"a/".repeat(100)}a:1`,
  "docker.io/org/x--y__z.w:1.csv",
  "localhost:5000/static:_.-",
] as const;

/** What the CRI lets pass: labels have a key and a limit, and a name is of one container at a time. */
function hostileOptions(text: HostileText, index: number): ContainerOptions {
  const short = () => text.word().slice(0, 200);
  const image = text.oneOf(EXTREME_NAMES);
  return {
    image,
    // The runtime passes on what the user wrote, where it is told.
    userSpecifiedImage: text.oneOf([image, text.reference()]),
    name: `${short()}${index}`,
    labels: { [`l${short()}`]: short() },
    annotations: { [`a${text.word()}`]: text.word(), "io.kubernetes.cri.image-name": text.reference() },
  };
}
