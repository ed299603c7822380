import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type HeldContainer, heldContainer } from "../helpers/held-container.ts";
import { hostileContainer } from "../helpers/hostile-container.ts";
import { HostileText } from "../helpers/hostile-text.ts";
import { fakeContainer } from "../helpers/nri-messages.ts";
import { preLaunch, type RunningPlugin } from "../helpers/program.ts";
import { random, testSeed } from "../helpers/random.ts";
import { MEMORY, temporaryFolder } from "../helpers/temporary-folder.ts";
import { changedPaths, treeOf } from "../helpers/tree.ts";

/** Of each half. */
const CONTAINERS = 5000;
const AT_ONCE = 64;
/** As many of those are real processes, which open a file. */
const HELD = 8;
/** One container in so many has an id that is none. */
const HOSTILE_ID_EVERY = 50;
/** The strings of one container in so many are no UTF-8. */
const NO_UTF8_EVERY = 10;
const TEST_TIMEOUT_MS = 300_000;
const CANARY = "the canary sings\n";
/** Below the temporary folder: what `..` leads to is still in there. */
const PERSIST_DIR = "1/2/3/4/5/6/lists";

const overlay = { kind: "overlay", layers: [{ "/a": "a", "/b": "bb" }] } as const;
/** One for each round: what a container has opened is not told of again before its root is gone. */
const rounds = Math.ceil(CONTAINERS / AT_ONCE);
const manyFiles = Object.fromEntries(Array.from({ length: rounds }, (_, round) => [`/round/${round}`, ""]));

/** A place for results among canaries, which is where the plugin works, too. */
interface Aviary {
  /** `persist_dir` */
  readonly lists: string;
  /** What has changed that is not the plugin's to change: paths. */
  changes(): string[];
}

function aviary(): Aviary & Disposable {
  const folder = temporaryFolder(MEMORY);
  const lists = folder.at(PERSIST_DIR);
  mkdirSync(lists, { recursive: true });
  for (let path = dirname(lists); path !== dirname(folder.path); path = dirname(path)) {
    for (const name of ["canary", "canary:latest", "canary:1"]) writeFileSync(join(path, name), CANARY);
  }
  const outside = () => treeOf(folder.path, lists);
  const before = outside();
  return {
    lists,
    changes: () => changedPaths(before, outside()),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** Starts the plugin in the midst of the canaries, with a umask that lets everything through. */
async function startPlugin({ lists }: Aviary, config: string): Promise<RunningPlugin> {
  const before = ["/bin/sh", "-c", 'umask 0 && cd "$0" && exec "$@"', dirname(lists)];
  const plugin = await preLaunch({ program: "built", before });
  await plugin.runtime.handshake(`persist_dir = ${JSON.stringify(lists)}\n${config}`);
  return plugin;
}

/** What is in persist_dir and should not be so: all is to be files of root's in folders of root's. */
function oddities(lists: string): string[] {
  return [...treeOf(lists)].flatMap(([path, { kind, mode, owner }]) => {
    const is = `${kind} ${mode} ${owner}`;
    return is === "file 644 0:0" || is === "folder 755 0:0" ? [] : [`${JSON.stringify(path)}: ${is}`];
  });
}

/** Pids that lead to no container: none, the highest number, one that is not given out, and the host's own processes. */
const NO_PIDS = [0, 0xffff_ffff, 4_194_303, 1, process.pid];

/** Starts and stops a number of containers at once, some of which live. */
async function liveAtOnce(
  { runtime }: RunningPlugin,
  text: HostileText,
  round: number,
  held: readonly HeldContainer[],
): Promise<void> {
  const all = Array.from({ length: AT_ONCE }, (_, place) => {
    const index = round * AT_ONCE + place;
    const id = index % HOSTILE_ID_EVERY === 0 ? `c${index}/${text.reference()}` : `c${index}`;
    const encoding = index % NO_UTF8_EVERY === 0 ? "latin1" : "utf8";
    return hostileContainer(text, { id, pid: held[place]?.pid ?? text.oneOf(NO_PIDS), encoding });
  });
  const started = await Promise.all(all.map((each) => runtime.call("StateChange", each.stateChange)));
  await Promise.all(held.map((container) => container.tell("open", `/round/${round}`)));
  const stopped = await Promise.all(all.map((each) => runtime.call("StopContainer", each.stopContainer)));
  expect([...started, ...stopped].filter(({ code }) => code !== 0)).toEqual([]);
}

describe(`${CONTAINERS} containers with hostile references, names, annotations and cgroups`, () => {
  test.each([
    ["image", "overwrite = true"],
    ["workload", "overwrite = false"],
  ])(
    "start in time, and no file is made outside of persist_dir: a list for each %s, %s",
    async (listPer, existing) => {
      const seed = testSeed();
      console.error(`hostile: TEST_SEED=${seed}`);
      const text = new HostileText(random(seed));
      using place = aviary();
      await using stack = new AsyncDisposableStack();
      const held: HeldContainer[] = [];
      const root = { kind: "overlay", layers: [manyFiles] } as const;
      for (let count = 0; count < HELD; count++) held.push(stack.use(await heldContainer({ root })));
      const rootBefore = readdirSync("/").toSorted();
      await using plugin = await startPlugin(place, `list_per = "${listPer}"\n${existing}\n`);
      for (let round = 0; round < rounds; round++) await liveAtOnce(plugin, text, round, held);
      plugin.runtime.close();
      expect(await plugin.exited).toBe(0);

      expect(place.changes()).toEqual([]);
      expect(readdirSync("/").toSorted()).toEqual(rootBefore); // where an absolute path might lead
      expect(oddities(place.lists)).toEqual([]);
      const names = [...treeOf(place.lists).keys()];
      expect(names.filter((name) => name.includes("/.optimizer-"))).toEqual([]);
      expect(names.filter((name) => name.endsWith(".csv")).length).toBeGreaterThan(CONTAINERS / 50);
      expect((await plugin.log()).filter((line) => !LOG_LINE.test(line))).toEqual([]);
      expect(plugin.runtime.violations).toEqual([]);
    },
    TEST_TIMEOUT_MS,
  );
});

/** No text of a container begins a line, and none moves a terminal's cursor. */
const LOG_LINE = /^\d{4}-\d\d-\d\dT\S+ (?:info|warn|error) \P{Cc}+$/u;

/** The container of an image, which opens two files. */
async function runOne({ runtime }: RunningPlugin, id: string, image: string): Promise<void> {
  await using container = await heldContainer({ root: overlay });
  const its = fakeContainer(id, {
    pid: container.pid,
    annotations: { "io.kubernetes.cri.image-name": image },
  });
  expect(await runtime.event("StartContainer", its)).toMatchObject({ code: 0 });
  await container.tell("open", "/b", "/a");
  await container.end();
  expect(await runtime.event("StopContainer", its)).toMatchObject({ code: 0 });
}

describe.each([false, true])("what somebody has planted in persist_dir, with overwrite = %p", (overwrite) => {
  const config = `overwrite = ${overwrite}\n`;

  test("is not followed where it is a link at the name of a result, or at one that a result has at first", async () => {
    using place = aviary();
    const canary = join(dirname(place.lists), "canary");
    const plant = (name: string, target = canary) => symlinkSync(target, join(place.lists, name));
    const suffixes = ["", ".csv", ".json"];
    for (const suffix of suffixes) plant(`nginx:latest${suffix}`);
    for (const suffix of suffixes.slice(1)) plant(`beside:1${suffix}`);
    for (const suffix of suffixes) plant(`.optimizer-c3${suffix}`);
    plant("dangling:1", join(dirname(place.lists), "hatched"));
    await using plugin = await startPlugin(place, config);
    for (const [id, image] of [
      ["c1", "nginx"],
      ["c2", "beside:1"],
      ["c3", "temporary:1"],
      ["c4", "dangling:1"],
    ] as const) {
      await runOne(plugin, id, image);
    }
    plugin.runtime.close();
    expect(await plugin.exited).toBe(0);
    expect(place.changes()).toEqual([]);
    for (const name of ["beside:1", "temporary:1", ...(overwrite ? ["nginx:latest", "dangling:1"] : [])]) {
      expect({ name, is: readFileSync(join(place.lists, name), "latin1") }).toEqual({ name, is: "/b\n/a\n" });
    }
  });

  test("holds nothing up where it is a FIFO or a folder", async () => {
    using place = aviary();
    for (const name of ["fifo:1", "fifo:1.csv", "fifo:1.json", "half:1.csv", "half:1.json", ".optimizer-c3"])
      await Bun.$`mkfifo ${join(place.lists, name)}`;
    for (const name of ["folder:1", "table:1.csv", "record:1.json", ".optimizer-c6"])
      mkdirSync(join(place.lists, name, "full"), { recursive: true });
    await using plugin = await startPlugin(place, config);
    for (const [index, image] of ["fifo", "half", "new", "folder", "table", "blocked", "record"].entries())
      await runOne(plugin, `c${index + 1}`, `${image}:1`);
    await runOne(plugin, "c99", "after:1");
    plugin.runtime.close();
    expect(await plugin.exited).toBe(0);
    expect(place.changes()).toEqual([]);
    for (const name of ["half:1", "new:1", "after:1", ...(overwrite ? ["fifo:1"] : [])])
      expect({ name, is: readFileSync(join(place.lists, name), "latin1") }).toEqual({ name, is: "/b\n/a\n" });
  });

  test.each([
    ["image", "org", "org/app:1"],
    ["image", "ghcr.io/org", "ghcr.io/org/app:1"],
    ["image", "_unnamed", ""],
    ["workload", "_workloads", "nginx"],
    ["workload", "_workloads/default/pod", "nginx"],
  ])(
    "is not followed where it is a link in place of a folder: a list for each %s, %s",
    async (listPer, name, image) => {
      using place = aviary();
      mkdirSync(dirname(join(place.lists, name)), { recursive: true });
      symlinkSync(dirname(place.lists), join(place.lists, name));
      await using plugin = await startPlugin(place, `${config}list_per = "${listPer}"\n`);
      await runOne(plugin, "c1", image);
      plugin.runtime.close();
      expect(await plugin.exited).toBe(0);
      expect(place.changes()).toEqual([]);
    },
  );
});
