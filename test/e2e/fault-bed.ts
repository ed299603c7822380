import { expect } from "bun:test";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Container, ContainerOptions } from "../../scripts/rig/container.ts";
import { Containerd, type ContainerdVersion } from "../../scripts/rig/containerd.ts";
import type { ResultRecord } from "../../scripts/rig/host.ts";
import { busyboxLayer, Images } from "../../scripts/rig/images.ts";
import type { LayerEntry } from "../../scripts/rig/layers.ts";
import type { Packages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { childrenOf } from "../../scripts/rig/processes.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { AnswerTimes } from "./answer-times.ts";
import { matchesLog, type Outcome } from "./fault-table.ts";

/** The name of the result of every container here. */
export const NAME = "faults:latest";
/** What the container's command ends with: whatever befalls the plugin. */
export const EXIT_CODE = 7;
/** Files in /many of the image, named 0000 to 1999 and a long word. */
export const FILES = 2000;
const LIMIT_MS = 500;
/** More than the plugin gives to its results when it ends. */
const EXIT_MS = 8000;
const LAUNCHED = "02-optimizer-nri-plugin";

/** Opens all files of the image. */
const ALL = "cat /many/* > /dev/null";

export interface PluginOptions {
  /** `persist_dir` */
  readonly results: string;
  /** System calls that fail, as native/inject.h has them. */
  readonly inject?: string;
  /** Another name than "optimizer". */
  readonly name?: string;
  /** Flags besides. */
  readonly more?: readonly string[];
}

/** A containerd of one version, on which one fault after the other is tried. */
export class Bed implements AsyncDisposable {
  readonly containerd: Containerd;
  /** What a container lists whose trace nothing disturbs. */
  readonly whole: string;
  readonly #image: string;
  readonly #folder: string;
  #pid: number;

  private constructor(containerd: Containerd, image: string, folder: string, whole: string) {
    this.containerd = containerd;
    this.#image = image;
    this.#folder = folder;
    this.#pid = containerd.pid;
    this.whole = whole;
  }

  static async start(version: ContainerdVersion, packages: Packages): Promise<Bed> {
    const folder = mkdtempSync(join(currentRun().folder, "faults-"));
    const [pluginPath, pluginConfigPath] = [join(folder, "plugins"), join(folder, "conf.d")];
    for (const path of [pluginPath, pluginConfigPath]) mkdirSync(path);
    const containerd = await Containerd.start({ version, packages, nri: { pluginPath, pluginConfigPath } });
    const layers = [await busyboxLayer(packages.busybox.folder), manyLayer()];
    const image = await new Images(join(folder, "images"), packages).build({
      names: [`docker.io/library/${NAME}`],
      layers,
      config: { cmd: ["sh"], env: ["PATH=/bin"] },
    });
    await containerd.importImage(image);
    const bed = new Bed(containerd, image.id, folder, "");
    const results = bed.folder("baseline");
    await using plugin = await bed.plugin({ results });
    const { id } = await bed.run();
    await plugin.ended(id);
    return new Bed(containerd, image.id, folder, readList(results));
  }

  /** A path that is nobody else's, with nothing there. */
  path(name: string): string {
    return join(mkdtempSync(join(this.#folder, "f-")), name);
  }

  /** A folder of its own. */
  folder(name: string): string {
    const path = this.path(name);
    mkdirSync(path);
    return path;
  }

  plugin(options: PluginOptions): Promise<Plugin> {
    return Plugin.start(this.containerd.paths.nriSocket, this.path("plugin"), options);
  }

  /** Has containerd start a plugin itself: it is restarted for that. */
  async launch({ results, inject }: PluginOptions): Promise<LaunchedPlugin> {
    const log = this.path("plugin.log");
    const program = join(ROOT, "dist/optimizer-inject");
    const variable = inject === undefined ? "" : `OPT_INJECT=${inject} `;
    const path = join(this.#folder, "plugins", LAUNCHED);
    writeFileSync(path, `#!/bin/sh\n${variable}exec ${program} 2> ${log}\n`, { mode: 0o755 });
    const config = `persist_dir = ${JSON.stringify(results)}\n`;
    writeFileSync(join(this.#folder, "conf.d", `${LAUNCHED}.conf`), config);
    await this.#restart("SIGTERM");
    const plugin = new LaunchedPlugin(log, results, this.containerd.pid, path);
    await plugin.says("configured by containerd …");
    return plugin;
  }

  /** Starts a container that runs `script` and ends with EXIT_CODE. */
  start(script = ALL, more: Partial<ContainerOptions> = {}): Promise<Container> {
    const command = ["sh", "-c", `${script}; exit ${EXIT_CODE}`];
    return this.containerd.runContainer({ image: this.#image, command, ...more });
  }

  /** Runs such a container to its end: whatever there is, it has to do what it came for. */
  async run(script = ALL, more: Partial<ContainerOptions> = {}): Promise<{ readonly id: string }> {
    await using container = await this.start(script, more);
    expect((await container.waitExited()).exitCode).toBe(EXIT_CODE);
    return { id: container.id };
  }

  /** Expects that a container which starts now is traced, from its first to its last file. */
  async expectHealthy(plugin: Watched): Promise<void> {
    const { id } = await this.run();
    const record = await plugin.ended(id);
    expect(record).toMatchObject({ complete: true, trouble: [] });
    expect(readList(plugin.results)).toBe(this.whole);
  }

  /** Where a folder of the image lies on the host. */
  async layerOf(container: Container, name: string): Promise<string> {
    const mounts = await Bun.file(`/proc/${container.pid}/mountinfo`).text();
    const layers = /lowerdir=([^,\n]*)/.exec(mounts)?.[1]?.split(":") ?? [];
    const found = layers.map((layer) => join(layer, name)).find((path) => existsSync(path));
    if (found === undefined) throw new Error(`No layer has ${name}: ${mounts}`);
    return found;
  }

  /** Kills containerd and starts it again. */
  restartKilled(): Promise<void> {
    return this.#restart("SIGKILL");
  }

  async #restart(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await (signal === "SIGTERM" ? this.containerd.stop() : this.containerd.kill());
    await this.containerd.start();
    this.#pid = this.containerd.pid;
  }

  /** Expects that containerd has borne it all. */
  async expectAlive(): Promise<void> {
    expect(this.containerd.pid).toBe(this.#pid);
    expect((await this.containerd.cri.runtime.version({})).runtimeName).toBe("containerd");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.containerd[Symbol.asyncDispose]();
  }
}

/** A plugin, by what it writes. */
class Watched {
  readonly results: string;
  readonly #logPath: string;

  constructor(logPath: string, results: string) {
    this.#logPath = logPath;
    this.results = results;
  }

  log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, "utf8") : "";
  }

  /** Whether it has logged a line that ends so; "…" stands for anything. */
  hasSaid(line: string): boolean {
    return matchesLog(this.log(), line);
  }

  async says(line: string): Promise<void> {
    await waitFor(() => this.hasSaid(line), {
      what: `the plugin to say "${line}"`,
      timeoutMs: 15_000,
      explain: () => this.log(),
    });
  }

  /** Waits until the trace of a container has ended, and returns its record. */
  ended(containerId: string): Promise<ResultRecord> {
    return waitFor(
      () => {
        const record = readRecord(this.results);
        return record?.container.id === containerId && record.state === "ended" ? record : undefined;
      },
      { what: `the result of container ${containerId}`, explain: () => this.log() },
    );
  }
}

/** A plugin that containerd has started. */
export class LaunchedPlugin extends Watched implements AsyncDisposable {
  readonly #runtimePid: number;
  readonly #path: string;

  constructor(logPath: string, results: string, runtimePid: number, path: string) {
    super(logPath, results);
    this.#runtimePid = runtimePid;
    this.#path = path;
  }

  kill(): void {
    this.#signal("SIGKILL");
  }

  /** Returns whether there is one. */
  #signal(signal: "SIGKILL" | "SIGUSR1"): boolean {
    const pids = childrenOf(this.#runtimePid).filter((pid) =>
      /^(?:02-)?optimizer/.test(readFileSync(`/proc/${pid}/comm`, "utf8")),
    );
    for (const pid of pids) process.kill(pid, signal);
    return pids.length > 0;
  }

  /** Has containerd start none any more. Throws when the runtime has ever waited too long for the one that runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.#path, { force: true });
    if (!this.#signal("SIGUSR1")) return;
    await this.says("info status: …");
    expect(Number(/ worst_answer_ms=([\d.]+)/.exec(this.log())?.[1])).toBeLessThanOrEqual(LIMIT_MS);
  }
}

/** An external plugin, with the time of its answers. */
export class Plugin extends Watched implements AsyncDisposable {
  readonly #times: AnswerTimes;
  readonly #child: Bun.Subprocess;

  private constructor(child: Bun.Subprocess, logPath: string, results: string, times: AnswerTimes) {
    super(logPath, results);
    this.#child = child;
    this.#times = times;
  }

  /** Starts one and waits until it is of use, or has ended. */
  static async start(socket: string, path: string, options: PluginOptions): Promise<Plugin> {
    const { results, inject, name = "optimizer", more = [] } = options;
    const [own, logPath] = [`${path}.sock`, `${path}.log`];
    const times = await AnswerTimes.listen(own, socket);
    const log = openSync(logPath, "a");
    const program = join(ROOT, "dist", inject === undefined ? "optimizer" : "optimizer-inject");
    const words = ["--config", "/dev/null", "--socket-path", own, "--name", name, "--persist-dir", results];
    const child = Bun.spawn([program, "plugin", ...words, ...more], {
      env: { ...process.env, ...(inject && { OPT_INJECT: inject }) },
      stdio: ["ignore", "ignore", log],
    });
    closeSync(log);
    const plugin = new Plugin(child, logPath, results, times);
    // The runtime asks it of no container before.
    await waitFor(
      () => child.exitCode !== null || times.answers.some(({ method }) => method === "Synchronize"),
      {
        what: "the plugin to be synchronized",
        explain: () => plugin.log(),
      },
    );
    return plugin;
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }

  /** Ends it without a word of farewell. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#times[Symbol.dispose]();
  }

  /** Ends it. Throws when the runtime has ever waited too long. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), EXIT_MS);
    await this.#child.exited;
    clearTimeout(timer);
    this.#times[Symbol.dispose]();
    expect(this.#times.worstMs()).toBeLessThanOrEqual(LIMIT_MS);
  }
}

export function readList(results: string): string {
  return readFileSync(join(results, NAME), "latin1");
}

function readRecord(results: string): ResultRecord | undefined {
  const path = join(results, `${NAME}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as ResultRecord) : undefined;
}

/** Expects what the table says of a fault's result, once it is there. `whole` is the list without any fault. */
export async function expectOutcome(results: string, outcome: Outcome, whole: string): Promise<void> {
  if (outcome.kind === "none") {
    expect(existsSync(join(results, NAME))).toBe(false);
    expect(readRecord(results)).toBeUndefined();
    return;
  }
  const record = await waitFor(
    () => {
      const record = readRecord(results);
      return record?.state === "ended" && record;
    },
    { what: `a record in ${results}` },
  );
  expect(record.complete).toBe(outcome.kind === "complete");
  if (outcome.kind === "note") expect(existsSync(join(results, NAME))).toBe(false);
  else if (outcome.kind === "complete") expect(readList(results)).toBe(whole);
  else expect(whole.startsWith(readList(results)) || isPartOf(readList(results), whole)).toBe(true);
  if (outcome.kind !== "complete") {
    const said = [record.reason ?? "", ...record.trouble].join("\n");
    expect(matchesLog(said, outcome.why) || said).toBe(true);
  }
}

/** Whole lines of it, in its order. */
function isPartOf(list: string, whole: string): boolean {
  const lines = whole.split("\n");
  let at = 0;
  return list.split("\n").every((line) => {
    at = lines.indexOf(line, at) + 1;
    return at > 0;
  });
}

function* manyLayer(): Generator<LayerEntry> {
  yield { kind: "folder", path: "/many" };
  for (let index = 0; index < FILES; index++) {
    yield { kind: "file", path: `/many/${`${index}`.padStart(4, "0")}-${"x".repeat(40)}`, content: "text\n" };
  }
}
