import type { Config } from "../config.ts";
import { prometheusText } from "../formats/prometheus.ts";
import type { RuntimeInfo } from "../session/session.ts";
import type { TracingThread } from "../session/tracing-thread.ts";
import { Answers } from "../status/answers.ts";
import { metricsOf } from "../status/metrics.ts";
import { formatStatus, formatStatusLine, type Status } from "../status/status.ts";
import { StatusFile } from "../status/status-file.ts";
import type { LinkFile } from "../sys/file-place.ts";
import type { PluginLog } from "./log.ts";

const WRITE_EVERY_MS = 15_000;
/** An older file is of a plugin that is gone. */
const WRITE_UNCHANGED_AFTER_MS = 300_000;
/** A thread that hangs, and a disk that does, are not waited for longer. */
const PATIENCE_MS = 1000;
const END_PATIENCE_MS = 5000;

/** A file, and what makes its text. */
interface Output {
  readonly file: StatusFile;
  readonly format: (status: Status) => string;
}

/** Gathers the plugin's figures and tells them: in files, and in the log when it is asked to. */
export class PluginStatus {
  readonly #log: PluginLog;
  readonly #tracing: TracingThread | undefined;
  readonly #linkFile: LinkFile | undefined;
  readonly #startedAt = new Date(performance.timeOrigin);
  readonly #answers = new Answers();
  #runtime: RuntimeInfo = { name: "", version: "" };
  #connected = false;
  #connections = 0;
  #outputs: readonly Output[] = [];
  #paths = "";
  #timer: Timer | undefined;
  #written = "";
  #writtenAtMs = 0;

  constructor(log: PluginLog, tracing: TracingThread | undefined, linkFile: LinkFile | undefined) {
    this.#log = log;
    this.#tracing = tracing;
    this.#linkFile = linkFile;
  }

  /** Says where the figures go from now on. */
  configure({ statusFile, metricsFile }: Pick<Config, "statusFile" | "metricsFile">): void {
    const paths = JSON.stringify([statusFile, metricsFile]);
    if (paths === this.#paths) return;
    this.#paths = paths;
    this.#outputs = [
      { path: statusFile, format: formatStatus },
      { path: metricsFile, format: (status: Status) => prometheusText(metricsOf(status)) },
    ].flatMap(({ path, format }) => {
      return path === "" ? [] : [{ file: new StatusFile(path, this.#log, this.#linkFile), format }];
    });
    clearInterval(this.#timer);
    if (this.#outputs.length === 0) return;
    this.#timer = setInterval(() => void this.#writeChanged(), WRITE_EVERY_MS);
    this.#timer.unref();
    void this.#writeChanged();
  }

  connected(runtime: RuntimeInfo): void {
    this.#runtime = runtime;
    if (!this.#connected) this.#connections++;
    this.#connected = true;
  }

  disconnected(): void {
    this.#connected = false;
  }

  answered(event: string, tookMs: number): void {
    this.#answers.add(event, tookMs);
  }

  /** Logs the figures, and writes the files at once. */
  async report(): Promise<void> {
    const status = await this.#gather();
    this.#log.info(formatStatusLine(status));
    await this.#write(status);
  }

  /** Writes the files a last time, with figures that nothing follows: they are worth more patience. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#outputs.length > 0) await this.#write(await this.#gather(END_PATIENCE_MS));
  }

  async #writeChanged(): Promise<void> {
    const status = await this.#gather();
    const isOld = performance.now() - this.#writtenAtMs >= WRITE_UNCHANGED_AFTER_MS;
    if (isOld || figuresOf(status) !== this.#written) await this.#write(status);
  }

  async #write(status: Status): Promise<void> {
    this.#written = figuresOf(status);
    this.#writtenAtMs = performance.now();
    const writes = this.#outputs.map(({ file, format }) => file.write(format(status)));
    await Promise.race([Promise.all(writes), Bun.sleep(PATIENCE_MS)]);
  }

  async #gather(patienceMs = PATIENCE_MS): Promise<Status> {
    const tracing = await Promise.race([
      this.#tracing?.count(),
      Bun.sleep(patienceMs).then(() => this.#tracing?.lastCounts),
    ]);
    return {
      pid: process.pid,
      startedAt: this.#startedAt,
      at: new Date(),
      memoryBytes: process.memoryUsage.rss(),
      connection: { connected: this.#connected, connections: this.#connections, runtime: this.#runtime },
      answers: this.#answers.snapshot(),
      tracing,
      log: this.#log.figures,
    };
  }
}

/** What makes a file worth writing anew: not that time went by. */
function figuresOf({ connection, answers, tracing, log }: Status): string {
  return JSON.stringify([connection, answers, tracing, log]);
}
