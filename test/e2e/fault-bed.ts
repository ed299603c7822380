import { expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, writeFileSync, chmodSync } from "node:fs";
import { join } from "node:path";
import type { Container, ContainerOptions } from "../../scripts/rig/container.ts";
import { Containerd, type ContainerdVersion } from "../../scripts/rig/containerd.ts";
import type { ResultRecord } from "../../scripts/rig/host.ts";
import { busyboxLayer, Images } from "../../scripts/rig/images.ts";
import type { LayerEntry } from "../../scripts/rig/layers.ts";
import type { Packages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { AnswerTimes } from "./answer-times.ts";
import { type Fault, matchesLog, type Outcome } from "./fault-table.ts";

/** The name of the result of every container here. */
export const NAME = "faults:latest";
/** What the container's command ends with: whatever befalls the plugin. */
export const EXIT_CODE = 7;
/** Files in /many of the image, named 0000 to 1999 and a long word. */
const FILES = 2000;
const LIMIT_MS = 500;

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
    const containerd = await Containerd.start({ version, packages, nri: {} });
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
  async expectHealthy(plugin: Plugin): Promise<void> {
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
  async restartKilled(): Promise<void> {
    await this.containerd.kill();
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

/** An external plugin, with the time of its answers. */
export class Plugin implements AsyncDisposable {
  readonly results: string;
  readonly times: AnswerTimes;
  readonly #child: Bun.Subprocess;
  readonly #logPath: string;

  private constructor(child: Bun.Subprocess, logPath: string, results: string, times: AnswerTimes) {
    this.#child = child;
    this.#logPath = logPath;
    this.results = results;
    this.times = times;
  }

  static async start(socket: string, path: string, options: PluginOptions): Promise<Plugin> {
    const { results, inject, name = "optimizer", more = [] } = options;
    const own = `${path}.sock`;
    const logPath = `${path}.log`;
    const times = await AnswerTimes.listen(own, socket);
    const log = openSync(logPath, "a");
    const program = join(ROOT, "dist", inject === undefined ? "optimizer" : "optimizer-inject");
    const child = Bun.spawn(
      [program, "plugin", "--config", "/dev/null", "--socket-path", own, "--name", name, "--persist-dir", results, ...more],
      { env: { ...process.env, ...(inject && { OPT_INJECT: inject }) }, stdio: ["ignore", "ignore", log] },
    );
    closeSync(log);
    const plugin = new Plugin(child, logPath, results, times);
    await plugin.says("configured by containerd …");
    // The runtime asks it of no container before.
    await waitFor(() => times.answers.some(({ method }) => method === "Synchronize"), {
      what: "the plugin to be synchronized",
      explain: () => plugin.log(),
    });
    return plugin;
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }

  log(): string {
    return readFileSync(this.#logPath, "utf8");
  }

  hasSaid(line: string): boolean {
    return matchesLog(this.log(), line);
  }

  /** Waits for a line of the log; "…" stands for anything. */
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

  /** Ends it without a word of farewell. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.times[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    expect(this.times.worstMs()).toBeLessThanOrEqual(LIMIT_MS);
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 8000);
    await this.#child.exited;
    clearTimeout(timer);
    this.times[Symbol.dispose]();
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

/** A program that a runtime starts as its plugin: the one with faults, and with a log that can be read. */
export function writeLauncher(folder: string, { inject = "" }: { readonly inject?: string }): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "02-optimizer-nri-plugin");
  const log = join(folder, "..", "pre-launched.log");
  const program = join(ROOT, "dist/optimizer-inject");
  const variables = inject === "" ? "" : `OPT_INJECT=${inject} `;
  writeFileSync(path, `#!/bin/sh\n${variables}exec ${program} 2>> ${log}\n`);
  chmodSync(path, 0o755);
  return log;
}

function* manyLayer(): Generator<LayerEntry> {
  yield { kind: "folder", path: "/many" };
  for (let index = 0; index < FILES; index++) {
    yield { kind: "file", path: `/many/${`${index}`.padStart(4, "0")}-${"x".repeat(40)}`, content: "text\n" };
  }
}

/** The row's fault as the test's name. */
export function titleOf({ fault }: Fault): string {
  return fault;
}
