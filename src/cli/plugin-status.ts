import { type Config, defaultConfig } from "../config.ts";
import { prometheusText } from "../formats/prometheus.ts";
import { FolderCheck } from "../record/folder-check.ts";
import type { RuntimeInfo } from "../session/session.ts";
import type { TracingThread } from "../session/tracing-thread.ts";
import { Answers } from "../status/answers.ts";
import { type Circumstances, findProblems, type TracingState } from "../status/find-problems.ts";
import { metricsOf } from "../status/metrics.ts";
import type { Problem } from "../status/problem.ts";
import { formatStatus, formatStatusLine, type PluginIdentity, type Status } from "../status/status.ts";
import { StatusFile } from "../status/status-file.ts";
import type { LinkFile } from "../sys/file-place.ts";
import type { PluginLog } from "./log.ts";
import { StatusSocket } from "./status-socket.ts";

const WRITE_EVERY_MS = 15_000;
/** An older file is of a plugin that is gone. */
const WRITE_UNCHANGED_AFTER_MS = 300_000;
/** A thread that hangs, and a disk that does, are not waited for longer. */
const PATIENCE_MS = 1000;
const END_PATIENCE_MS = 5000;
/** Who asks through the socket waits for half a second: the answer has to be there before, whatever hangs. */
const ASKED_PATIENCE_MS = 250;
/** Several who ask at once get one answer of the disk. */
const FOLDER_MAX_AGE_MS = 200;

const NO_FAILURES = { count: 0, why: "", atMs: 0 };

/** A file, and what makes its text. */
interface Output {
  readonly file: StatusFile;
  readonly format: (status: Status) => string;
}

/** What has to be known of a plugin to tell how it is. */
export interface PluginStatusOptions {
  readonly log: PluginLog;
  readonly plugin: PluginIdentity;
  /** Undefined where this host cannot be traced; `unable` says why. */
  readonly tracing: TracingThread | undefined;
  readonly unable: string;
  /** Gives files their names; undefined where there is no shim. */
  readonly linkFile: LinkFile | undefined;
}

/** What the plugin's configuration says of its status. */
type StatusConfig = Pick<Config, "statusFile" | "metricsFile" | "persistDir" | "runDir">;

/** Gathers the plugin's figures and problems and tells them: in files, in the log, and to whoever asks. */
export class PluginStatus {
  readonly #options: PluginStatusOptions;
  readonly #startedAt = new Date(performance.timeOrigin);
  readonly #answers = new Answers();
  readonly #socket: StatusSocket;
  #runtime: RuntimeInfo = { name: "", version: "" };
  #runtimePid: number | undefined;
  #since: Date | undefined;
  #disconnected: Circumstances["disconnected"] = { why: "no runtime has configured it yet", cure: undefined };
  #blocked: Problem | undefined;
  #connections = 0;
  #persistDir = defaultConfig.persistDir;
  #folder = new FolderCheck(defaultConfig.persistDir);
  #outputs: readonly Output[] = [];
  #paths = "";
  #timer: Timer | undefined;
  #written = "";
  #writtenAtMs = 0;

  constructor(options: PluginStatusOptions) {
    this.#options = options;
    this.#socket = new StatusSocket(options.log, async () =>
      formatStatus(await this.#gather(ASKED_PATIENCE_MS)),
    );
  }

  /** Says where the figures go from now on. */
  configure({ statusFile, metricsFile, persistDir, runDir }: StatusConfig): void {
    if (persistDir !== this.#persistDir) this.#folder = new FolderCheck(persistDir);
    this.#persistDir = persistDir;
    void this.#socket.open(runDir);
    const paths = JSON.stringify([statusFile, metricsFile]);
    if (paths === this.#paths) return;
    this.#paths = paths;
    const { log, linkFile } = this.#options;
    this.#outputs = [
      { path: statusFile, format: formatStatus },
      { path: metricsFile, format: (status: Status) => prometheusText(metricsOf(status)) },
    ].flatMap(({ path, format }) => {
      return path === "" ? [] : [{ file: new StatusFile(path, log, linkFile), format }];
    });
    clearInterval(this.#timer);
    if (this.#outputs.length === 0) return;
    this.#timer = setInterval(() => void this.#writeChanged(), WRITE_EVERY_MS);
    this.#timer.unref();
    void this.#writeChanged();
  }

  /** A runtime has configured the plugin. `blocked` keeps all its containers from being traced. */
  connected(runtime: RuntimeInfo, runtimePid: number | undefined, blocked: Problem | undefined): void {
    if (this.#disconnected !== undefined) this.#connections++;
    this.#disconnected = undefined;
    this.#runtime = runtime;
    this.#runtimePid = runtimePid;
    this.#blocked = blocked;
    this.#since = new Date();
  }

  /** The connection is over, or could not be made. */
  disconnected(why: string, cure: string | undefined): void {
    this.#disconnected = { why, cure };
    this.#blocked = undefined;
  }

  answered(event: string, tookMs: number): void {
    this.#answers.add(event, tookMs);
  }

  /** Logs the figures, and writes the files at once. */
  async report(): Promise<void> {
    const status = await this.#gather();
    this.#options.log.info(formatStatusLine(status));
    await this.#write(status);
  }

  /** Writes the files a last time, with figures that nothing follows: they are worth more patience. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    if (this.#outputs.length > 0) await this.#write(await this.#gather(END_PATIENCE_MS));
    this.#socket.close();
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
    const { tracing: thread, plugin, log } = this.#options;
    const [tracing, folder] = await Promise.all([
      Promise.race([thread?.count(), Bun.sleep(patienceMs).then(() => thread?.lastCounts)]),
      this.#folder.check({ timeoutMs: patienceMs, maxAgeMs: FOLDER_MAX_AGE_MS }),
    ]);
    return {
      pid: process.pid,
      startedAt: this.#startedAt,
      at: new Date(),
      memoryBytes: process.memoryUsage.rss(),
      plugin,
      persistDir: this.#persistDir,
      problems: findProblems({
        disconnected: this.#disconnected,
        tracing: this.#tracingState(),
        folder,
        blocked: this.#blocked,
        failures: tracing?.failuresInARow ?? NO_FAILURES,
        unwritten: tracing?.unwrittenInARow ?? NO_FAILURES,
        nowMs: Date.now(),
      }),
      connection: {
        connected: this.#disconnected === undefined,
        connections: this.#connections,
        since: this.#since,
        runtime: { ...this.#runtime, pid: this.#runtimePid },
      },
      answers: this.#answers.snapshot(),
      tracing,
      log: log.figures,
    };
  }

  #tracingState(): TracingState {
    const { tracing, unable } = this.#options;
    return tracing?.state ?? { kind: "unable", why: unable };
  }
}

/** What makes a file worth writing anew: not that time went by. */
function figuresOf({ connection, answers, tracing, log, problems }: Status): string {
  return JSON.stringify([connection, answers, tracing, log, problems]);
}
