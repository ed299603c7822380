import { describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { heldContainer } from "../helpers/held-container.ts";
import { type FakeContainer, fakeContainer } from "../helpers/nri-messages.ts";
import { preLaunch, type RunningPlugin, runToEnd } from "../helpers/program.ts";
import { type ParsedMetrics, parsePrometheus } from "../helpers/prometheus.ts";
import { rootTest } from "../helpers/root.ts";
import { makeFifo, makeNullDevice } from "../helpers/special-files.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

const overlay = { kind: "overlay", layers: [{ "/a": "a", "/b": "bb", "/c": "ccc" }] } as const;

function ofImage(id: string, image: string, pid: number = process.pid): FakeContainer {
  const annotations = { "io.kubernetes.cri.image-name": `docker.io/library/${image}` };
  return fakeContainer(id, { pid, annotations });
}

const settings = (folder: TemporaryFolder, more = ""): string => `
persist_dir = ${JSON.stringify(folder.at("lists"))}
status_file = ${JSON.stringify(folder.at("status.json"))}
metrics_file = ${JSON.stringify(folder.at("optimizer.prom"))}
${more}`;

const status = (folder: TemporaryFolder) => JSON.parse(readFileSync(folder.at("status.json"), "utf8"));
const metrics = (folder: TemporaryFolder) =>
  parsePrometheus(readFileSync(folder.at("optimizer.prom"), "utf8"));

/** Has the files written until they say what is waited for: events travel from thread to thread. */
async function told<T>(plugin: RunningPlugin, what: string, probe: () => T | undefined | false): Promise<T> {
  return waitFor(what, () => {
    process.kill(plugin.pid, "SIGUSR1");
    return probe();
  });
}

/** The value of a metric, by its name without prefix, and by its one label. */
function figure({ samples }: ParsedMetrics, name: string, label?: string): number | undefined {
  return samples.find((each) => {
    const [value] = Object.values(each.labels);
    return each.name === `optimizer_${name}` && value === label;
  })?.value;
}

/** Known traffic: one container is kept, one not selected, two fail, one is traced and opens three files. */
async function traffic(plugin: RunningPlugin, container: { readonly pid: number }): Promise<FakeContainer> {
  const traced = ofImage("c5", "nginx:1", container.pid);
  const all = [
    ofImage("c1", "kept:1"),
    ofImage("c2", "redis:1"),
    ofImage("c3", "host:1"),
    ofImage("c4", "host:2"),
    traced,
  ];
  for (const each of all) await plugin.runtime.event("StartContainer", each);
  return traced;
}

const counted = {
  started: 5,
  traced: 1,
  joined: 0,
  unfiltered: 0,
  notTraced: { not_selected: 1, kept: 1, failed: 2 },
};

describe("the figures of a plugin", () => {
  rootTest("are right after known traffic, at SIGUSR1 and at the end, in both files alike", async () => {
    using folder = temporaryFolder();
    await using container = await heldContainer({ root: overlay });
    await using plugin = await preLaunch();
    await Bun.write(folder.at("lists", "kept:1"), "/old\n");
    await plugin.runtime.handshake(settings(folder, 'exclude = ["image=redis:*"]\n'));
    const traced = await traffic(plugin, container);
    await container.tell("open", "/b", "/a", "/c");
    const running = await told(plugin, "three files", () => {
      const found = existsSync(folder.at("status.json")) && status(folder);
      return found && found.tracing?.files === 3 && found;
    });
    expect(running).toMatchObject({
      version: 1,
      pid: plugin.pid,
      connection: { connected: true, connections: 1, runtime: { name: "containerd", version: "2.1.9" } },
      answers: { StartContainer: { count: 5 }, StopContainer: { count: 0, slow: 0, worstMs: 0 } },
      tracing: { ...counted, running: 1, incomplete: 0, bytes: 6, lost: 0, overflows: 0 },
      log: { to: "stderr", lost: 0, heldBack: 0 },
    });
    expect(running.tracing.events).toBeGreaterThanOrEqual(3);
    expect(running.answers.StartContainer.worstMs).toBeGreaterThan(0);
    expect(running.memoryBytes).toBeGreaterThan(10 << 20);
    await plugin.runtime.event("StopContainer", traced);
    plugin.runtime.close();
    const log = await plugin.log();
    expect(log.filter((line) => line.includes("info status: ")).at(-1)).toMatch(
      / connected=1 connections=1 started=5 traced=1 joined=0 unfiltered=0 running=1 incomplete=0 files=3 bytes=6 events=\d+ lost=0 overflows=0 repeats=\d+ not_selected=1 kept=1 failed=2 .* answers=5 slow_answers=/,
    );
    const ended = status(folder);
    expect(ended).toMatchObject({
      connection: { connected: false },
      answers: { StopContainer: { count: 1 } },
      tracing: {
        ...counted,
        running: 0,
        ended: { "container stopped": 1, terminated: 0 },
        files: 3,
        bytes: 6,
      },
    });
    const parsed = metrics(folder);
    for (const [name, label, value] of [
      ["connected", undefined, 0],
      ["connections_total", undefined, 1],
      ["containers_started_total", undefined, 5],
      ["containers_traced_total", undefined, 1],
      ["containers_unfiltered_total", undefined, 0],
      ["containers_not_traced_total", "kept", 1],
      ["containers_not_traced_total", "not_selected", 1],
      ["containers_not_traced_total", "failed", 2],
      ["traces_running", undefined, 0],
      ["traces_ended_total", "container_stopped", 1],
      ["traces_incomplete_total", undefined, 0],
      ["files_listed_total", undefined, 3],
      ["files_listed_bytes_total", undefined, 6],
      ["events_total", undefined, ended.tracing.events],
      ["answers_total", "StartContainer", 5],
      ["answers_total", "StopContainer", 1],
      ["slow_answers_total", "StartContainer", ended.answers.StartContainer.slow],
      ["worst_answer_seconds", "StartContainer", ended.answers.StartContainer.worstMs / 1000],
      ["log_lines_lost_total", undefined, 0],
      ["build_info", ended.optimizer, 1],
    ] as const) {
      expect({ name, label, value: figure(parsed, name, label) }).toEqual({ name, label, value });
    }
    for (const [name, type] of parsed.types) {
      expect(name).toStartWith("optimizer_");
      expect({ name, isTotal: name.endsWith("_total") }).toEqual({ name, isTotal: type === "counter" });
      expect(parsed.help.get(name)).not.toBe("");
    }
    expect(readdirSync(folder.path).toSorted()).toEqual(["lists", "optimizer.prom", "status.json"]);
  });

  rootTest(
    "count lists with holes, and merges",
    async () => {
      using folder = temporaryFolder();
      await using one = await heldContainer({ root: overlay });
      await using other = await heldContainer({ root: overlay });
      await using plugin = await preLaunch();
      await plugin.runtime.handshake(settings(folder, "merge = true\n"));
      await plugin.runtime.event("StartContainer", ofImage("c1", "nginx:1", one.pid));
      await plugin.runtime.event("StartContainer", ofImage("c2", "httpd:1", other.pid));
      await one.tell("open", "/a");
      await other.tell("open", "/a");
      await plugin.runtime.event("StopContainer", ofImage("c1", "nginx:1", one.pid));
      await waitFor("the merge", () => existsSync(folder.at("lists", "nginx:1.json")));
      plugin.kill("SIGTERM");
      await plugin.exited;
      expect(status(folder).tracing).toMatchObject({
        traced: 2,
        ended: { "container stopped": 1, terminated: 1 },
        incomplete: 1,
        merges: { done: 2, failed: 0 },
      });
    },
    30_000,
  );

  rootTest("count lists with more than files of the image", async () => {
    using folder = temporaryFolder();
    const root = { kind: "mount", fsType: "tmpfs", options: [] } as const;
    await using container = await heldContainer({ root });
    await using plugin = await preLaunch();
    await plugin.runtime.handshake(settings(folder));
    await plugin.runtime.event("StartContainer", ofImage("c1", "nginx:1", container.pid));
    plugin.runtime.close();
    await plugin.exited;
    expect(status(folder).tracing).toMatchObject({ traced: 1, unfiltered: 1 });
    expect(figure(metrics(folder), "containers_unfiltered_total")).toBe(1);
    const said = (await plugin.log()).filter((line) => line.includes("files made at run time"));
    expect(said).toEqual([expect.stringContaining(' warn image "docker.io/library/nginx:1": files made')]);
  });

  rootTest("go where a link of root's leads, and leave the link", async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("real.json"), "old");
    chmodSync(folder.at("real.json"), 0o604);
    symlinkSync("real.json", folder.at("status.json"));
    symlinkSync("new.prom", folder.at("optimizer.prom"));
    await using plugin = await preLaunch();
    await plugin.runtime.handshake(settings(folder));
    await told(plugin, "the metrics", () => existsSync(folder.at("new.prom")));
    plugin.runtime.close();
    await plugin.exited;
    expect(readlinkSync(folder.at("status.json"))).toBe("real.json");
    expect(status(folder)).toMatchObject({ version: 1 });
    expect(statSync(folder.at("real.json")).mode & 0o777).toBe(0o604);
    const links = ["optimizer.prom", "status.json"];
    expect(readdirSync(folder.path).toSorted()).toEqual(["lists", "new.prom", ...links, "real.json"].sort());
  });

  rootTest("go into a device and a FIFO as they are, and nobody has to read", async () => {
    using folder = temporaryFolder();
    makeFifo(folder.at("status.json"));
    makeNullDevice(folder.at("optimizer.prom"));
    await using container = await heldContainer({ root: overlay });
    await using plugin = await preLaunch();
    await plugin.runtime.handshake(settings(folder));
    const traced = await traffic(plugin, container);
    for (let round = 0; round < 3; round++) process.kill(plugin.pid, "SIGUSR1");
    await container.tell("open", "/b");
    await plugin.runtime.event("StopContainer", traced);
    expect(readFileSync(folder.at("lists", "nginx:1"), "utf8")).toBe("/b\n");
    const reader = runToEnd(["cat", folder.at("status.json")]);
    let isRead = false;
    void reader.then(() => {
      isRead = true;
    });
    await told(plugin, "a reader to get the figures and their end", () => isRead);
    const texts = (await reader).stdout.trimEnd().split(/(?<=^})\n/m);
    for (const text of texts) expect(JSON.parse(text)).toMatchObject({ version: 1, pid: plugin.pid });
    plugin.runtime.close();
    const log = await plugin.log();
    expect(log.filter((line) => /status\.json|optimizer\.prom/.test(line))).toEqual([]);
    expect(await plugin.exited).toBe(0);
    expect(lstatSync(folder.at("status.json")).isFIFO()).toBe(true);
    expect(lstatSync(folder.at("optimizer.prom")).isCharacterDevice()).toBe(true);
    expect(readdirSync(folder.path).toSorted()).toEqual(["lists", "optimizer.prom", "status.json"]);
  });

  rootTest("are 0644 whatever the umask of the runtime, so that others can read them", async () => {
    using folder = temporaryFolder();
    // The plugin may not write to it, nor give it away: it takes the place.
    writeFileSync(folder.at("status.json"), "", { mode: 0o600 });
    chownSync(folder.at("status.json"), 1234, 1234);
    await using plugin = await preLaunch({ before: ["sh", "-c", 'umask 077; exec "$@"', "sh"] });
    await plugin.runtime.handshake(settings(folder));
    await told(plugin, "both files", () =>
      ["status.json", "optimizer.prom"].every(
        (name) => existsSync(folder.at(name)) && statSync(folder.at(name)).size,
      ),
    );
    for (const name of ["status.json", "optimizer.prom"]) {
      expect(statSync(folder.at(name)).mode & 0o777).toBe(0o644);
    }
    plugin.runtime.close();
    await plugin.exited;
  });

  rootTest("are told of once when their files cannot be written, and harm nothing", async () => {
    using folder = temporaryFolder();
    await using container = await heldContainer({ root: overlay });
    await using plugin = await preLaunch();
    const text = settings(folder)
      .replaceAll("status.json", "none/status.json")
      .replaceAll("optimizer.prom", "none/x.prom");
    await plugin.runtime.handshake(text);
    const traced = await traffic(plugin, container);
    await container.tell("open", "/b");
    for (let round = 0; round < 3; round++) {
      process.kill(plugin.pid, "SIGUSR1");
      await plugin.runtime.event("StopContainer", ofImage(`none${round}`, "none:1"));
    }
    await plugin.runtime.event("StopContainer", traced);
    expect(readFileSync(folder.at("lists", "nginx:1"), "utf8")).toBe("/b\n");
    plugin.runtime.close();
    const log = await plugin.log();
    for (const name of ["status.json", "x.prom"]) {
      const about = log.filter((line) => line.includes(name));
      expect(about).toEqual([
        expect.stringContaining(
          ` error Cannot write to ${folder.at("none", name)}: ENOENT: make the folder first`,
        ),
      ]);
    }
    expect(await plugin.exited).toBe(0);
  });
});
