import { describe, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { ContainerState } from "../../src/gen/nri_pb.ts";
import type { Reply } from "../helpers/fake-connection.ts";
import { FakeRuntime } from "../helpers/fake-runtime.ts";
import { hex } from "../helpers/golden.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { type FakeContainer, fakeContainer } from "../helpers/nri-messages.ts";
import { connect, powerless, preLaunch } from "../helpers/program.ts";
import { random, testSeed } from "../helpers/random.ts";
import { rootTest } from "../helpers/root.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

const OK: Reply = { code: 0, message: "", payload: hex("") };
const overlay = { kind: "overlay", layers: [{ "/a": "a", "/b": "bb", "/c": "ccc" }] } as const;

/** A container of a fake runtime that is a real process, of an image with this tag. */
function web(id: string, { pid }: { readonly pid: number }, tag = "latest"): FakeContainer {
  const image = `docker.io/library/nginx:${tag}`;
  return fakeContainer(id, { pid, annotations: { "io.kubernetes.cri.image-name": image } });
}

const settings = (folder: TemporaryFolder, more = ""): string =>
  `persist_dir = ${JSON.stringify(folder.path)}\n${more}`;
const list = (folder: TemporaryFolder, name = "nginx:latest"): string =>
  readFileSync(folder.at(name), "latin1");
const json = (folder: TemporaryFolder) => JSON.parse(list(folder, "nginx:latest.json"));

describe("optimizer started by a runtime", () => {
  rootTest(
    "answers StartContainer once nothing can be missed, and StopContainer once the list is there",
    async () => {
      using folder = temporaryFolder();
      await using plugin = await preLaunch({ stderr: "ignore" });
      const { runtime } = plugin;
      expect(await runtime.handshake(settings(folder))).toBe(0x220);
      for (let round = 0; round < 8; round++) {
        await using container = await heldContainer({ root: overlay });
        const its = web(`c${round}`, container, `${round}`);
        expect(await runtime.event("StartContainer", its)).toEqual(OK);
        await container.tell("open", "/c", "/a", "/b");
        await container.end();
        expect(await runtime.event("StopContainer", its)).toEqual(OK);
        expect(list(folder, `nginx:${round}`)).toBe("/c\n/a\n/b\n");
        expect(JSON.parse(list(folder, `nginx:${round}.json`))).toMatchObject({
          complete: true,
          runtime: { name: "containerd", version: "2.1.9" },
        });
      }
      runtime.close();
      expect(await plugin.exited).toBe(0);
      expect(runtime.violations).toEqual([]);
    },
  );

  rootTest("traces several containers at once", async () => {
    using folder = temporaryFolder();
    await using plugin = await preLaunch();
    await plugin.runtime.handshake(settings(folder));
    await using containers = new AsyncDisposableStack();
    const all = await Promise.all(
      Array.from({ length: 12 }, async (_, index) => {
        const container = containers.use(await heldContainer({ root: overlay }));
        return { container, its: web(`c${index}`, container, `${index}`), path: `/${"abc"[index % 3]}` };
      }),
    );
    await Promise.all(all.map(({ its }) => plugin.runtime.event("StartContainer", its)));
    await Promise.all(all.map(({ container, path }) => container.tell("open", path)));
    await Promise.all(all.map(({ its }) => plugin.runtime.event("StopContainer", its)));
    expect(all.map((_, index) => list(folder, `nginx:${index}`))).toEqual(all.map(({ path }) => `${path}\n`));
  });

  for (const [what, end, reason] of [
    ["the runtime closes the connection", "close", "connection lost"],
    ["SIGTERM comes", "SIGTERM", "terminated"],
    ["SIGINT comes", "SIGINT", "terminated"],
  ] as const) {
    rootTest(`completes the results as incomplete and exits with 0 when ${what}`, async () => {
      using folder = temporaryFolder();
      await using container = await heldContainer({ root: overlay });
      await using plugin = await preLaunch();
      await plugin.runtime.handshake(settings(folder));
      await plugin.runtime.event("StartContainer", web("c1", container));
      await container.tell("open", "/b", "/a");
      if (end === "close") plugin.runtime.close();
      else plugin.kill(end);
      expect((await plugin.log()).at(-2)).toEndWith(
        `2 files, 3 B: ${folder.at("nginx:latest")} (${reason}); the list is not complete: ${reason}`,
      );
      expect(await plugin.exited).toBe(0);
      expect(list(folder)).toBe("/b\n/a\n");
      expect(json(folder)).toMatchObject({ complete: false, state: "ended", reason });
      expect(readdirSync(folder.path).toSorted()).toEqual([
        "nginx:latest",
        "nginx:latest.csv",
        "nginx:latest.json",
      ]);
    });
  }

  for (const end of ["close", "SIGTERM"] as const) {
    rootTest(`has noted of 20 containers why they were not traced when it exits after ${end}`, async () => {
      using folder = temporaryFolder();
      await using plugin = await preLaunch();
      await plugin.runtime.handshake(settings(folder));
      const tags = Array.from({ length: 20 }, (_, index) => `${index}`);
      await Promise.all(
        tags.map((tag) => plugin.runtime.event("StartContainer", web(`c${tag}`, process, tag))),
      );
      if (end === "close") plugin.runtime.close();
      else plugin.kill(end);
      expect(await plugin.exited).toBe(0);
      expect(readdirSync(folder.path).toSorted()).toEqual(tags.map((tag) => `nginx:${tag}.json`).toSorted());
    });

    rootTest(`has merged all runs when it exits after ${end}, and takes no helper for a plugin`, async () => {
      using folder = temporaryFolder();
      await using one = await heldContainer({ root: overlay });
      await using other = await heldContainer({ root: overlay });
      await using plugin = await preLaunch();
      await plugin.runtime.handshake(settings(folder, "merge = true\n"));
      await plugin.runtime.event("StartContainer", web("c1", one));
      await plugin.runtime.event("StartContainer", web("c2", other));
      await one.tell("open", "/b", "/a");
      await other.tell("open", "/b", "/c");
      await plugin.runtime.event("StopContainer", web("c1", one));
      if (end === "close") plugin.runtime.close();
      else plugin.kill(end);
      expect(await plugin.exited).toBe(0);
      expect(list(folder)).toMatch(/^\/b\n(\/a\n\/c|\/c\n\/a)\n$/);
      // The second one was cut off, and the record says so; the first one was not.
      const { merged, complete } = json(folder);
      expect(merged).toMatchObject({ runs: 2, completeRuns: 1, incompleteRuns: 1, hits: [2, 1, 1] });
      expect(complete).toBe(true);
      expect(readdirSync(folder.path).toSorted()).toEqual([
        "nginx:latest",
        "nginx:latest.csv",
        "nginx:latest.json",
      ]);
      expect((await plugin.log()).filter((line) => line.includes(" error "))).toEqual([]);
    });
  }

  for (const seed of [1, 2, 3].map((round) => testSeed() + round)) {
    rootTest(`leaves a valid prefix when SIGKILL comes at any moment (seed ${seed})`, async () => {
      const next = random(seed);
      const paths = Array.from({ length: 300 }, (_, index) => `/many/${index}`);
      const layer = Object.fromEntries(paths.map((path) => [path, ""]));
      using folder = temporaryFolder();
      await using container = await heldContainer({ root: { kind: "overlay", layers: [layer] } });
      await using plugin = await preLaunch();
      await plugin.runtime.handshake(settings(folder));
      await plugin.runtime.event("StartContainer", web("c1", container));
      await container.tell("open", "/many/0");
      await waitFor("the result", () => existsSync(folder.at("nginx:latest.json")));
      await container.tell("many", "/many/", `${2 + Math.floor(next() * 298)}`);
      const mayGrow = next() < 0.5;
      await waitFor("the list to grow", () => !mayGrow || list(folder) !== "/many/0\n");
      plugin.kill("SIGKILL");
      await plugin.exited;
      const found = list(folder);
      expect(found).toEndWith("\n");
      expect(`${paths.join("\n")}\n`).toStartWith(found);
      expect(list(folder, "nginx:latest.csv")).toMatch(/^path,size,elapsed\n(\/many\/\d+,0,\d+\n)+$/);
      expect(json(folder)).toMatchObject({ complete: false, state: "recording" });
    });
  }

  rootTest("never answers Configure with an error, whatever the text", async () => {
    using folder = temporaryFolder();
    await using plugin = await preLaunch();
    const { runtime } = plugin;
    await runtime.handshake("garbage = [");
    for (const text of [
      "timout = 1",
      "persist_dir = 5",
      'events = ["Foo"]',
      "events = []",
      "\0\xff",
      "x".repeat(1e5),
    ]) {
      expect(await runtime.configure(text)).toBe(0x220);
    }
    expect(await runtime.configure('events = ["RemoveContainer"]')).toBe(0x620);
    expect(
      await runtime.configure(
        settings(folder, 'timeout = -5\nserver_path = "/old"\nexclude = ["imgae=x", "image=y"]\n'),
      ),
    ).toBe(0x220);
    await using container = await heldContainer({ root: overlay });
    expect(await runtime.event("StartContainer", web("c1", container))).toEqual(OK);
    await container.tell("open", "/a");
    expect(await runtime.event("StopContainer", web("c1", container))).toEqual(OK);
    expect(list(folder)).toBe("/a\n");
    runtime.close();
    const log = (await plugin.log()).map((line) => line.replace(/^\S+ /, ""));
    for (const line of [
      'error configuration: line 1: unknown key "timout"; did you mean "timeout"?; the default stands',
      'error configuration: line 1: persist_dir must be an absolute path, such as "/opt/nri/optimizer/results"; the default stands',
      "error configuration: Cannot subscribe to events: no event is named; the default stands",
      "warn configuration: events lacks StartContainer or StopContainer; both are subscribed to",
      "error configuration: line 2: timeout must be seconds from 0 to 2147483; the default stands",
      'error configuration: line 4: exclude "imgae=x": unknown kind "imgae"; did you mean "image"?; the other entries stand',
      "info traced are all containers, without image=y",
      "info configuration: server_path is ignored: there is no separate server any more",
      `info configured by containerd 2.1.9 as 02-optimizer; results go to ${folder.path}`,
    ]) {
      expect(log).toContain(line);
    }
    expect(log.at(-1)).toBe("info the runtime closed the connection");
    expect(await plugin.exited).toBe(0);
  });

  for (const [wanted, lists] of [
    [true, ["nginx:latest", "nginx:latest.csv", "nginx:latest.json"]],
    [false, []],
  ] as const) {
    rootTest(
      `with trace_running = ${wanted} a container that runs already leaves ${lists.length} files`,
      async () => {
        using folder = temporaryFolder();
        await using running = await heldContainer({ root: overlay });
        await using stopped = await heldContainer({ root: overlay });
        await using plugin = await preLaunch();
        await plugin.runtime.handshake(settings(folder, `trace_running = ${wanted}\n`));
        await plugin.runtime.synchronize([
          [fakeContainer("c1", { pid: running.pid, state: ContainerState.RUNNING })],
          [fakeContainer("c2", { pid: stopped.pid, state: ContainerState.STOPPED })],
        ]);
        // When its mark is there, nobody tells.
        while (wanted && !existsSync(folder.at("nginx:latest.json"))) {
          await running.tell("open", "/a");
          await Bun.sleep(5);
        }
        await plugin.runtime.event("StopContainer", fakeContainer("c1"));
        plugin.runtime.close();
        await plugin.exited;
        expect(readdirSync(folder.path).toSorted()).toEqual([...lists]);
        if (wanted) expect(json(folder)).toMatchObject({ complete: false, reason: "container stopped" });
      },
    );
  }

  rootTest("serves without the right to trace, and says so", async () => {
    await using container = await heldContainer({ root: overlay });
    await using plugin = await preLaunch({ before: powerless });
    expect(await plugin.runtime.handshake()).toBe(0x220);
    expect(await plugin.runtime.event("StartContainer", web("c1", container))).toEqual(OK);
    expect(await plugin.runtime.event("StopContainer", web("c1", container))).toEqual(OK);
    plugin.runtime.close();
    expect((await plugin.log())[0]).toEndWith(
      "error nothing will be traced: Cannot start tracing with fanotify: EPERM (run as root: this needs CAP_SYS_ADMIN)",
    );
    expect(await plugin.exited).toBe(0);
  });

  rootTest(
    "lets a container go on that cannot be traced, and names of containers begin no line",
    async () => {
      await using plugin = await preLaunch();
      await plugin.runtime.handshake();
      const odd = fakeContainer("c1", { pid: process.pid, name: "evil\n2026 error x" });
      expect(await plugin.runtime.event("StartContainer", odd)).toEqual(OK);
      expect(await plugin.runtime.event("StopContainer", odd)).toEqual(OK);
      plugin.runtime.close();
      const log = await plugin.log();
      expect(log.filter((line) => line.includes("evil"))).toEqual([
        expect.stringContaining(
          "(default/pod/evil\\n2026 error x, image docker.io/library/nginx:latest) is not traced",
        ),
      ]);
      expect(log.every((line) => /^\d{4}-\d\d-\d\dT\S+ (info|warn|error) /.test(line))).toBe(true);
    },
  );
});

describe("optimizer plugin", () => {
  rootTest("traces over the runtime's socket, and connects again after the runtime was away", async () => {
    using folder = temporaryFolder();
    await using runtime = await FakeRuntime.listen();
    await using container = await heldContainer({ root: overlay });
    await using plugin = await connect(runtime, "--persist-dir", folder.path, "--overwrite");
    expect(await plugin.runtime.registration).toMatchObject({ pluginName: "optimizer", pluginIdx: "02" });
    await plugin.runtime.handshake("timeout = 77");
    await plugin.runtime.event("StartContainer", web("c1", container));
    await container.tell("open", "/a");
    plugin.runtime.close();
    const again = await runtime.accept();
    await again.handshake();
    expect(json(folder)).toMatchObject({ complete: false, reason: "connection lost" });
    expect(list(folder)).toBe("/a\n");
    await again.event("StartContainer", web("c1", container));
    await container.tell("open", "/b", "/a");
    await again.event("StopContainer", web("c1", container));
    expect(list(folder)).toBe("/b\n/a\n");
    plugin.kill("SIGTERM");
    expect(await plugin.log()).toContainEqual(
      expect.stringMatching(/ warn the runtime closed the connection; next attempt in \d+ ms$/),
    );
    expect(await plugin.exited).toBe(0);
  });

  rootTest("exits with 1 when the runtime refuses it", async () => {
    await using runtime = await FakeRuntime.listen();
    await using plugin = await connect(runtime, "--idx", "07", "--name", "other");
    expect(await plugin.runtime.registration).toMatchObject({ pluginName: "other", pluginIdx: "07" });
    await plugin.runtime.refuseRegistration("no plugins here");
    expect(await plugin.log()).toEqual(["optimizer: the runtime refused this plugin: no plugins here"]);
    expect(await plugin.exited).toBe(1);
  });
});
