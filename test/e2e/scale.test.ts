import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { ResultRecord } from "../../scripts/rig/host.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { type HeldContainer, heldContainer, writeLayer } from "../helpers/held-container.ts";
import { holdingsOf } from "../helpers/holdings.ts";
import { type FakeContainer, fakeContainer } from "../helpers/nri-messages.ts";
import { limitedTo, preLaunch, type RunningPlugin } from "../helpers/program.ts";
import { MEMORY, type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";

/** More than there may be fanotify groups, and than a soft limit of 1024 descriptors allows at four each. */
const CONTAINERS = 300;
/** Of the layer that all share. */
const SHARED_FILES = 40;
const STORM_FILES = 150_000;
/** Each opens all files of the storm, and begins at another place. */
const STORM_PROCESSES = 4;
/** Of Bun: they come when there is much to do, and stay. */
const POOL_THREADS_MAX = 12;

/** A container that is being traced. */
interface Traced {
  readonly container: HeldContainer;
  /** What the runtime tells of it. */
  readonly its: FakeContainer;
  readonly name: string;
  /** What it opens, in this order. */
  readonly paths: readonly string[];
}

/** A container with an image of its own, whose result is `<id>:1`. */
function named(id: string, container: HeldContainer, paths: readonly string[]): Traced {
  const annotations = { "io.kubernetes.cri.image-name": `docker.io/library/${id}:1` };
  return { container, its: fakeContainer(id, { pid: container.pid, annotations }), name: `${id}:1`, paths };
}

/** The program as a container runtime's host might start it, with results in `folder`. */
async function startPlugin(folder: TemporaryFolder, limit: string): Promise<RunningPlugin> {
  const plugin = await preLaunch({ program: "built", before: limitedTo(limit) });
  await plugin.runtime.handshake(`persist_dir = ${JSON.stringify(folder.at("lists"))}\n`);
  // From then on it holds what it holds: its lock in that folder, too.
  const lists = folder.at("lists");
  await waitFor(() => existsSync(lists) && readdirSync(lists).some((name) => name.endsWith(".lock")), {
    what: "the plugin to claim its folder",
  });
  return plugin;
}

/** Makes containers of one shared layer and one of their own each, which wait to be started. */
async function makeContainers(stack: AsyncDisposableStack, folder: TemporaryFolder): Promise<Traced[]> {
  const shared = Array.from({ length: SHARED_FILES }, (_, file) => `/shared/${file}`);
  writeLayer(folder.at("shared"), Object.fromEntries(shared.map((path) => [path, ""])));
  return Promise.all(
    Array.from({ length: CONTAINERS }, async (_, index) => {
      const own = Array.from({ length: 1 + (index % 5) }, (_, file) => `/own/${index}-${file}`);
      const layers = [folder.at("shared"), Object.fromEntries(own.map((path) => [path, ""]))];
      const container = stack.use(await heldContainer({ root: { kind: "overlay", layers } }));
      return named(`c${index}`, container, [...shared.slice(index % SHARED_FILES), ...own]);
    }),
  );
}

/** Tells the plugin of a container's start. All are let run, traced or not. */
async function start({ runtime }: RunningPlugin, { its }: Traced): Promise<void> {
  expect(await runtime.event("StartContainer", its)).toMatchObject({ code: 0 });
}

/** Ends the containers, and waits until all that will be said of them is on disk. */
async function endAll(all: readonly Traced[], plugin: RunningPlugin, folder: TemporaryFolder) {
  const { runtime } = plugin;
  await Promise.all(all.map(({ container }) => container.end()));
  await Promise.all(all.map(({ its }) => runtime.event("StopContainer", its)));
  for (const { name } of all) {
    await waitFor(() => recordOf(folder, name).state === "ended", {
      what: `the record of ${name} to be complete`,
      timeoutMs: 20_000,
      explain: () => explain(plugin, name),
    });
  }
}

/** What the program says of a container, and the end of all that it says. */
async function explain(plugin: RunningPlugin, name: string): Promise<string> {
  plugin.runtime.close();
  const log = await plugin.log();
  const id = name.slice(0, name.indexOf(":"));
  const its = log.filter((line) => line.includes(` ${id} `) || line.includes(name));
  return [...its, "…", ...log.slice(-10)].join("\n");
}

function listOf(folder: TemporaryFolder, name: string): string[] {
  const path = folder.at("lists", name);
  return existsSync(path) ? readFileSync(path, "latin1").split("\n").slice(0, -1) : [];
}

function recordOf(folder: TemporaryFolder, name: string): ResultRecord & { readonly queuePeak: number } {
  return JSON.parse(readFileSync(folder.at("lists", `${name}.json`), "utf8"));
}

test(`${CONTAINERS} containers at once get each its own list, while one of them storms`, async () => {
  using folder = temporaryFolder(MEMORY);
  await using plugin = await startPlugin(folder, "-Sn 1024");
  const before = holdingsOf(plugin.pid);
  await using stack = new AsyncDisposableStack();
  const all = await makeContainers(stack, folder);
  // As runtimes do: they hold a lock while they ask their plugins.
  for (const each of all) await start(plugin, each);

  const stormPaths = Array.from({ length: STORM_FILES }, (_, file) => `/storm/${file}`);
  writeLayer(folder.at("storm"), Object.fromEntries(stormPaths.map((path) => [path, ""])));
  const root = { kind: "overlay", layers: [folder.at("storm")], upper: folder.at("upper") } as const;
  const stormy = named("stormy", stack.use(await heldContainer({ root })), stormPaths);
  await start(plugin, stormy);
  expect(holdingsOf(plugin.pid).marks).toBe(CONTAINERS + 1);

  let storming = true;
  const storm = stormy.container.tell("crowd", "/storm/", `${STORM_FILES}`, `${STORM_PROCESSES}`).then(() => {
    storming = false;
  });
  await waitFor(() => listOf(folder, stormy.name).length > 0, { what: "the storm to begin" });
  await Promise.all(all.map(({ container, paths }) => container.tell("open", ...paths)));
  expect(storming).toBe(true);
  await storm;
  await endAll([...all, stormy], plugin, folder);

  for (const { name, paths } of all) {
    const { complete, trouble } = recordOf(folder, name);
    expect({ name, complete, trouble, list: listOf(folder, name) }).toEqual({
      name,
      complete: true,
      trouble: [],
      list: [...paths],
    });
  }
  const record = recordOf(folder, stormy.name);
  expect(record).toMatchObject({ complete: true, trouble: [], counts: { overflows: 0, lost: 0 } });
  const list = listOf(folder, stormy.name);
  expect(list.length).toBe(STORM_FILES);
  expect(new Set(list).symmetricDifference(new Set(stormPaths)).size).toBe(0);
  expect(record.queuePeak).toBeWithin(1, STORM_FILES * STORM_PROCESSES + 1);

  const after = await waitFor(
    () => {
      const { descriptors, marks, ignored } = holdingsOf(plugin.pid);
      return descriptors <= before.descriptors && marks + ignored === 0 && holdingsOf(plugin.pid);
    },
    { what: "everything to be given back", explain: () => JSON.stringify([before, holdingsOf(plugin.pid)]) },
  );
  expect(after.threads).toBeLessThanOrEqual(before.threads + POOL_THREADS_MAX);
  expect(plugin.runtime.violations).toEqual([]);
});

// Lists and tables that stay open would take 600.
test(`${CONTAINERS} containers with a hard limit of 500 descriptors: what is missing is told`, async () => {
  using folder = temporaryFolder(MEMORY);
  await using plugin = await startPlugin(folder, "-n 500");
  const before = holdingsOf(plugin.pid);
  await using stack = new AsyncDisposableStack();
  const all = await makeContainers(stack, folder);
  await Promise.all(all.map((each) => start(plugin, each))); // more than there is time for
  await Promise.all(all.map(({ container, paths }) => container.tell("open", ...paths)));
  await endAll(all, plugin, folder);
  const holes: string[] = [];
  for (const { name, paths } of all) {
    const { complete, trouble } = recordOf(folder, name);
    const list = listOf(folder, name);
    expect({ name, list }).toEqual({ name, list: paths.filter((path) => list.includes(path)) });
    expect({ name, complete, told: trouble.length > 0 }).toEqual({ name, complete, told: !complete });
    if (complete) expect({ name, list }).toEqual({ name, list: [...paths] });
    holes.push(...trouble);
  }
  expect(holes.filter((trouble) => !/EMFILE|^Cannot mark process|^no mark was set/.test(trouble))).toEqual(
    [],
  );
  await waitFor(() => holdingsOf(plugin.pid).descriptors <= before.descriptors, {
    what: "the descriptors to be given back",
  });
  plugin.runtime.close();
  const log = (await plugin.log()).filter((line) => line.includes("the list is not complete"));
  expect(log).toHaveLength(holes.filter((trouble) => trouble.includes("EMFILE")).length);
});
