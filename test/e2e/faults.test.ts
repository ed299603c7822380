import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../scripts/rig/command.ts";
import { CONTAINERD_VERSIONS } from "../../scripts/rig/containerd.ts";
import { Disk } from "../../scripts/rig/disk.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { Bed, expectOutcome, FILES, NAME, readList } from "./fault-bed.ts";
import { faults } from "./fault-table.ts";

await run(["make", "-s", "dist/optimizer-inject"], { cwd: ROOT });
const packages = await fetchPackages(console.error);

/** Opens one half, lets it be written, and then opens the other. */
const IN_TWO_HALVES = "cat /many/0* > /dev/null; sleep 1; cat /many/* > /dev/null";
/** Opens one half, and the other when somebody makes a file. */
const UNTIL_TOLD = "cat /many/0* > /dev/null; until [ -e /go ]; do sleep 0.05; done; cat /many/* > /dev/null";

type Act = (bed: Bed) => Promise<void>;

/** The commonest case: what is wrong with the folder is right again after one container. */
function withFolder(
  id: keyof typeof faults,
  breakIt: (results: string) => Promise<unknown> | unknown,
  mendIt: (results: string) => Promise<unknown> | unknown,
  script?: string,
): Act {
  return async (bed) => {
    const results = bed.path("results");
    await breakIt(results);
    await using plugin = await bed.plugin({ results });
    await bed.run(script);
    await plugin.says(faults[id].log);
    await expectOutcome(results, faults[id].outcome, bed.whole);
    await mendIt(results);
    await bed.expectHealthy(plugin);
  };
}

/** A system call that fails, while one container runs. */
function withInjection(id: keyof typeof faults, ...injections: readonly string[]): Act {
  return async (bed) => {
    for (const inject of injections) {
      const results = bed.path("results");
      await using plugin = await bed.plugin({ results, inject });
      await bed.run();
      await plugin.says(faults[id].log);
      await expectOutcome(results, faults[id].outcome, bed.whole);
    }
  };
}

const tmpfs = (options: string) => async (results: string) => {
  mkdirSync(results);
  await run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", results]);
};

const acts: Record<keyof typeof faults, Act> = {
  missing: withFolder(
    "missing",
    () => {},
    (results) => rmSync(results, { recursive: true }),
  ),
  fileInPlace: withFolder("fileInPlace", (results) => writeFileSync(results, "in the way"), rmSync),
  readOnly: withFolder("readOnly", tmpfs("ro"), (results) => run(["umount", results])),
  full: async (bed) => {
    const results = bed.path("results");
    await tmpfs("size=160k")(results);
    await using plugin = await bed.plugin({ results });
    await bed.run(IN_TWO_HALVES);
    await plugin.says(faults.full.log);
    await expectOutcome(results, faults.full.outcome, bed.whole);
    const list = readList(results);
    expect(list).toMatch(/\/many\/0999-x+\n$/);
    expect(bed.whole).toStartWith(list);
    await run(["mount", "-o", "remount,size=1m", results]);
    await bed.expectHealthy(plugin);
  },
  foreign: async (bed) => {
    const results = bed.folder("results");
    await using plugin = await bed.plugin({ results, more: ["--list-per", "workload"] });
    const foreign = join(results, "_workloads");
    mkdirSync(foreign);
    chownSync(foreign, 65534, 65534);
    await bed.run();
    await plugin.says(faults.foreign.log);
    expect(readdirSync(foreign)).toEqual([]);
    chownSync(foreign, 0, 0);
    await bed.run();
    await plugin.says(faults.missing.log);
  },
  hung: async (bed) => {
    const results = bed.path("results");
    const disk = await Disk.mount({ at: results, folder: bed.folder("disk") });
    disk.hang();
    await using plugin = await bed.plugin({ results });
    for (let round = 0; round < 3; round++) await bed.run();
    await disk[Symbol.asyncDispose]();
    await plugin.says(faults.hung.log);
    await expectOutcome(results, faults.hung.outcome, bed.whole);
    await bed.expectHealthy(plugin);
  },
  hungMidway: async (bed) => {
    const results = bed.path("results");
    await using disk = await Disk.mount({ at: results, folder: bed.folder("disk") });
    await using plugin = await bed.plugin({ results });
    await using container = await bed.start(UNTIL_TOLD);
    await waitFor(() => existsSync(join(results, NAME)), { what: "the list to begin" });
    disk.hang();
    writeFileSync(`/proc/${container.pid}/root/go`, "");
    await container.waitExited();
    await bed.run();
    disk.goOn();
    await plugin.says(faults.hungMidway.log);
    await expectOutcome(results, faults.hungMidway.outcome, bed.whole);
  },
  slow: async (bed) => {
    const results = bed.path("results");
    await using _disk = await Disk.mount({ at: results, folder: bed.folder("disk"), delayMs: 30 });
    await using plugin = await bed.plugin({ results });
    await bed.run();
    await plugin.says(faults.slow.log);
    await expectOutcome(results, faults.slow.outcome, bed.whole);
  },
  markFails: withInjection(
    "markFails",
    ...["EMFILE", "ENFILE", "EIO", "ENOMEM"].map((errno) => `fanotify_mark@mark_root:${errno}:0:-1`),
  ),
  joinFails: withInjection("joinFails", "setns:ENOMEM:0:-1"),
  readFails: withInjection("readFails", "read@drain_main:EIO:3:1"),
  statFails: withInjection("statFails", "statx@stat_fd:ENOMEM:100:1"),
  // The first records are those of the mark.
  streamEnds: withInjection("streamEnds", "send:EIO:2:-1"),
  readOnlyRoot: async (bed) => {
    const results = bed.path("results");
    await using plugin = await bed.plugin({ results });
    await bed.run(undefined, { securityContext: { readonlyRootfs: true } });
    await plugin.says(faults.readOnlyRoot.log);
    await expectOutcome(results, faults.readOnlyRoot.outcome, bed.whole);
  },
  userNamespace: async (bed) => {
    const results = bed.path("results");
    await using plugin = await bed.plugin({ results });
    const made = "echo made > /new; cat /new > /dev/null; for f in /many/1000-*; do echo changed >> $f; done";
    const script = `cat /many/0* > /dev/null; ${made}; cat /many/1* > /dev/null`;
    const { id } = await bed.run(script, { podUserNamespace: true });
    await plugin.says(faults.userNamespace.log);
    await expectOutcome(results, faults.userNamespace.outcome, bed.whole);
    // containerd 1.7 puts a layer on the image's, containerd 2 mounts them where they are not any more.
    const { filter, counts, layerCount, layers } = await plugin.ended(id);
    expect({ filter, layerCount }).toEqual({ filter: { kind: "image-files" }, layerCount: 2 });
    expect(counts.runtime).toBe(1);
    expect(layers).toEqual([0, ...Array<number>(FILES).fill(1)]);
  },
  threadBlocked: async (bed) => {
    const results = bed.path("results");
    await using plugin = await bed.plugin({ results });
    await using container = await bed.start("until [ -e /go ]; do sleep 0.05; done; cat /many/* > /dev/null");
    const layer = await bed.layerOf(container, "many");
    const disk = await Disk.mount({ at: layer, folder: bed.folder("disk") });
    disk.hang();
    writeFileSync(`/proc/${container.pid}/root/go`, "");
    await container.waitExited();
    for (let round = 0; round < 3; round++) await bed.run("true");
    await plugin.says(faults.threadBlocked.log);
    await bed.run("true");
    await disk[Symbol.asyncDispose]();
    await plugin.says("warn tracing goes on");
    await expectOutcome(results, faults.threadBlocked.outcome, bed.whole);
    await bed.expectHealthy(plugin);
  },
  killed: async (bed) => {
    const results = bed.path("results");
    const killed = await bed.plugin({ results });
    await using container = await bed.start(UNTIL_TOLD);
    await waitFor(() => existsSync(join(results, `${NAME}.json`)), { what: "the record to begin" });
    await killed.kill();
    await using plugin = await bed.plugin({ results });
    await plugin.says(faults.killed.log);
    await expectOutcome(results, faults.killed.outcome, bed.whole);
    writeFileSync(`/proc/${container.pid}/root/go`, "");
    await container.waitExited();
    await bed.expectHealthy(plugin);
  },
  containerdKilled: async (bed) => {
    const results = bed.path("results");
    await using plugin = await bed.plugin({ results });
    await using container = await bed.start(UNTIL_TOLD);
    await waitFor(() => existsSync(join(results, NAME)), { what: "the list to begin" });
    await bed.restartKilled();
    await plugin.says(faults.containerdKilled.log);
    await expectOutcome(results, faults.containerdKilled.outcome, bed.whole);
    await waitFor(() => plugin.log().split("configured by").length === 3, { what: "the plugin to be back" });
    writeFileSync(`/proc/${container.pid}/root/go`, "");
    await container.waitExited();
    await bed.expectHealthy(plugin);
  },
  twoExternal: async (bed) => {
    const results = bed.path("results");
    await using one = await bed.plugin({ results });
    await using other = await bed.plugin({ results, name: "other" });
    const { id } = await bed.run();
    await one.ended(id);
    await waitFor(() => [one, other].some((each) => each.hasSaid(faults.twoExternal.log)), {
      what: "a result",
    });
    await expectOutcome(results, faults.twoExternal.outcome, bed.whole);
  },
  noFanotify: async (bed) => {
    const results = bed.path("results");
    await using plugin = await bed.plugin({ results, inject: "fanotify_init:EMFILE:0:-1" });
    expect(await plugin.exited).toBe(1);
    await bed.run();
    await plugin.says(faults.noFanotify.log);
    await expectOutcome(results, faults.noFanotify.outcome, bed.whole);
  },
  launchedNoFanotify: async (bed) => {
    const results = bed.path("results");
    await using plugin = await bed.launch({ results, inject: "fanotify_init:ENOMEM:0:-1" });
    await bed.run();
    await plugin.says(faults.launchedNoFanotify.log);
    await expectOutcome(results, faults.launchedNoFanotify.outcome, bed.whole);
  },
  launchedKilled: async (bed) => {
    const results = bed.path("results");
    await using plugin = await bed.launch({ results });
    await using container = await bed.start(UNTIL_TOLD);
    await waitFor(() => existsSync(join(results, `${NAME}.json`)), { what: "the record to begin" });
    plugin.kill();
    await bed.run(); // nobody traces it
    await bed.expectAlive();
    await using again = await bed.launch({ results });
    await again.says(faults.launchedKilled.log);
    await expectOutcome(results, faults.launchedKilled.outcome, bed.whole);
    writeFileSync(`/proc/${container.pid}/root/go`, "");
    await container.waitExited();
    await bed.expectHealthy(again);
  },
  twoLaunches: async (bed) => {
    const results = bed.path("results");
    await using launched = await bed.launch({ results });
    await using external = await bed.plugin({ results, name: "other" });
    await bed.run();
    const both = [launched, external];
    await waitFor(() => both.some((each) => each.hasSaid(faults.twoLaunches.log)), { what: "a result" });
    await expectOutcome(results, faults.twoLaunches.outcome, bed.whole);
  },
};

describe.each([...CONTAINERD_VERSIONS])("in containerd %s a pod notices nothing when", (version) => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await Bed.start(version, packages);
  });

  afterAll(async () => {
    await bed[Symbol.asyncDispose]();
  });

  test.each(Object.entries(faults).map(([id, { fault }]) => [fault, id as keyof typeof faults] as const))(
    "%s",
    async (_, id) => {
      await acts[id](bed);
      await bed.expectAlive();
    },
  );
});
