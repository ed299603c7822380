import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FakeRuntime } from "../../test/helpers/fake-runtime.ts";
import { fakeContainer } from "../../test/helpers/nri-messages.ts";
import { cpuMs, memoryBytes, start } from "./children.ts";
import { hold, type Program } from "./held.ts";
import { remove, type Scratch } from "./scratch.ts";
import type { Outcome, Tracer } from "./tracer.ts";

/** What the plugin did during one run of a program. */
export interface PluginOutcome extends Outcome {
  readonly cpuMs: number;
  readonly found: ReadonlySet<string>;
  readonly record: ResultRecord;
  readonly idleBytes: number;
  readonly peakBytes: number;
  readonly afterBytes: number;
  /** From StopContainer to its answer, and to the complete result. */
  readonly answerMs: number;
  readonly completeMs: number;
}

/** What the json beside a list says, as far as it is read here. */
interface ResultRecord {
  readonly state: "recording" | "ended";
  readonly complete: boolean;
  readonly counts: { readonly listed: number; readonly events: number; readonly overflows: number };
  readonly queuePeak: number;
}

const LIST = "program:1";
const POLL_MS = 5;
/** So long after a trace the plugin has given back what it does not need any more. */
const SETTLE_MS = 700;

/** The built program as a plugin that the runtime has started. */
export const plugin: Tracer = { name: "optimizer", watch: watchWithPlugin };

/** Runs a program once with the plugin, started and told as a container runtime does it. */
export async function watchWithPlugin(program: Program, scratch: Scratch): Promise<PluginOutcome> {
  await using held = await hold(program, scratch);
  await using running = await startPlugin(scratch);
  const { pid, connection, results } = running;
  const idleBytes = memoryBytes(pid, "VmRSS");
  const cpuBeforeMs = cpuMs(pid);
  const container = imageContainer("program", held.pid);
  await connection.event("StartContainer", container);
  const passes = await held.go();
  const stopped = performance.now();
  await connection.event("StopContainer", container);
  const answerMs = performance.now() - stopped;
  const record = await endOf(join(results, `${LIST}.json`));
  const completeMs = performance.now() - stopped;
  const list = readFileSync(join(results, LIST), "latin1");
  await Bun.sleep(SETTLE_MS);
  return {
    passes,
    cpuMs: cpuMs(pid) - cpuBeforeMs,
    found: new Set(list.split("\n").slice(0, -1)),
    record,
    idleBytes,
    peakBytes: memoryBytes(pid, "VmHWM"),
    afterBytes: memoryBytes(pid, "VmRSS"),
    answerMs,
    completeMs,
  };
}

/** Starts the plugin and configures it. */
export async function startPlugin(scratch: Scratch) {
  const results = scratch.make("results");
  const child = start(["dist/optimizer"], {
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
      remove(results);
    },
  };
}

/** A container of an image of its own, so that no list of it is there yet. */
export function imageContainer(id: string, pid: number) {
  const annotations = { "io.kubernetes.cri.image-name": `docker.io/library/${id}:1` };
  return fakeContainer(id, { pid, annotations });
}

/** Waits for the end of a result. StopContainer is answered in time, be the result complete or not. */
async function endOf(path: string): Promise<ResultRecord> {
  for (;;) {
    const record = JSON.parse(readFileSync(path, "utf8")) as ResultRecord;
    if (record.state === "ended") return record;
    await Bun.sleep(POLL_MS);
  }
}
