import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { $ } from "bun";
import { FakeRuntime } from "../../test/helpers/fake-runtime.ts";
import { fakeContainer } from "../../test/helpers/nri-messages.ts";

/** A container that opens all files of a layer, again and again. */
export interface StormOptions {
  readonly scratch: string;
  readonly layer: string;
  readonly files: number;
  readonly threads: number;
  readonly passes: number;
}

/** What the plugin did during one storm. */
export interface PluginRun {
  /** Milliseconds of each pass. */
  readonly passes: number[];
  readonly cpuMs: number;
  readonly listed: number;
  /** What the json says. */
  readonly complete: boolean;
  readonly idleMiB: number;
  readonly afterMiB: number;
  /** From StopContainer to its answer, when everything is on disk. */
  readonly stopMs: number;
}

const CLOCK_TICK_MS = 10;
/** After this, an idle process has given back what it does not need. */
const SETTLE_MS = 1500;

/** Compiles the programs that the runs need. */
export async function buildPrograms(): Promise<void> {
  await $`gcc -O2 -Wall -Wextra -o dist/storm scripts/bench/storm.c -lpthread`;
  await $`gcc -O2 -Wall -Wextra -o dist/floor scripts/bench/floor.c`;
}

/** One storm without a tracer. Returns the milliseconds of each pass. */
export async function storm(options: StormOptions): Promise<number[]> {
  await using container = await startStorm(options);
  return await container.run();
}

/** One storm with the plugin, started and told as a container runtime does it. */
export async function pluginRun(options: StormOptions): Promise<PluginRun> {
  await using container = await startStorm(options);
  await using plugin = await startPlugin(options.scratch);
  const idleMiB = residentMiB(plugin.pid);
  const cpuBefore = cpuMs(plugin.pid);
  const info = stormContainer("storm", container.pid);
  await plugin.connection.event("StartContainer", info);
  const passes = await container.run();
  const stopStart = performance.now();
  await plugin.connection.event("StopContainer", info);
  const stopMs = performance.now() - stopStart;
  await Bun.sleep(SETTLE_MS);
  const list = readFileSync(join(plugin.results, "storm:1"), "latin1");
  return {
    passes,
    cpuMs: cpuMs(plugin.pid) - cpuBefore,
    listed: new Set(list.split("\n").slice(0, -1)).size,
    complete: JSON.parse(readFileSync(join(plugin.results, "storm:1.json"), "utf8")).complete,
    idleMiB,
    afterMiB: residentMiB(plugin.pid),
    stopMs,
  };
}

/** How long the runtime waits for the answer to StartContainer, in milliseconds, over many containers. */
export async function startTimes(options: StormOptions, count: number): Promise<number[]> {
  await using plugin = await startPlugin(options.scratch);
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    await using container = await startStorm({ ...options, passes: 1 });
    const info = stormContainer(`start-${index}`, container.pid);
    const start = performance.now();
    await plugin.connection.event("StartContainer", info);
    times.push(performance.now() - start);
    await container.run();
    await plugin.connection.event("StopContainer", info);
  }
  return times;
}

/** One storm with the C recorder. */
export async function floor(options: StormOptions): Promise<{ passes: number[]; cpuMs: number }> {
  await using container = await startStorm(options);
  const recorder = Bun.spawn(["dist/floor", String(container.pid)], { stdin: "pipe", stdout: "pipe" });
  const lines = lineReader(recorder.stdout);
  await lines.next();
  const passes = await container.run();
  recorder.stdin.write("e");
  recorder.stdin.end();
  const [, cpuUs] = (await lines.next()).split(" ").map(Number);
  return { passes, cpuMs: (cpuUs ?? Number.NaN) / 1000 };
}

/** The plugin as a container runtime starts it, with its end of the socket pair. */
export async function startPlugin(scratch: string) {
  const results = mkdtempSync(join(scratch, "results-"));
  const child = Bun.spawn(["dist/optimizer"], {
    env: { NRI_PLUGIN_NAME: "optimizer", NRI_PLUGIN_IDX: "02", NRI_PLUGIN_SOCKET: "3" },
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const connection = await FakeRuntime.adopt(child.stdio[3] as number);
  await connection.handshake(`persist_dir = ${JSON.stringify(results)}\n`);
  return {
    pid: child.pid,
    connection,
    results,
    async [Symbol.asyncDispose]() {
      connection.close();
      await child.exited;
      rmSync(results, { recursive: true });
    },
  };
}

/** A container of a fresh image, so that no list of it is there yet. */
function stormContainer(id: string, pid: number) {
  const annotations = { "io.kubernetes.cri.image-name": `docker.io/library/${id}:1` };
  return fakeContainer(id, { pid, annotations });
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[half - 1] ?? Number.NaN)) / 2;
}

async function startStorm({ scratch, layer, files, threads, passes }: StormOptions) {
  const folder = mkdtempSync(join(scratch, "storm-"));
  const child = Bun.spawn(["dist/storm", layer, folder, String(files), String(threads), String(passes)], {
    stdin: "pipe",
    stdout: "pipe",
  });
  const lines = lineReader(child.stdout);
  await lines.next();
  return {
    pid: child.pid,
    async run(): Promise<number[]> {
      child.stdin.write("g");
      child.stdin.flush();
      const times: number[] = [];
      while (times.length < passes) times.push(Number(await lines.next()) / 1e6);
      return times;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true });
    },
  };
}

/** Reads a stream line by line. */
function lineReader(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  return {
    async next(): Promise<string> {
      for (;;) {
        const end = text.indexOf("\n");
        if (end >= 0) {
          const line = text.slice(0, end);
          text = text.slice(end + 1);
          return line;
        }
        const { value, done } = await reader.read();
        if (done) throw new Error(`The process ended, having said: ${text}`);
        text += decoder.decode(value, { stream: true });
      }
    },
  };
}

function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * CLOCK_TICK_MS;
}

function residentMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? Number.NaN) / 1024;
}
