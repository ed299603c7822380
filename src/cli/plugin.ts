import { type Config, combineConfig, parseConfig } from "../config.ts";
import type { Log } from "../log.ts";
import { outliveMistakes } from "../mistakes.ts";
import { parseEvents, START_AND_STOP } from "../nri/events.ts";
import { type EndReason, runPlugin } from "../nri/plugin.ts";
import type { Configuration, PluginHandlers, RunningContainer } from "../nri/plugin-service.ts";
import { keepConnected } from "../nri/reconnect.ts";
import { findLaunch, type Launch } from "../nri/socket.ts";
import { containerInfo } from "../session/container.ts";
import { describeSelection } from "../session/selection.ts";
import type { RuntimeInfo } from "../session/session.ts";
import { sharedNowMs } from "../session/tracing.ts";
import { TracingThread } from "../session/tracing-thread.ts";
import { findBlocked } from "../session/visibility.ts";
import { sleep } from "../sleep.ts";
import { formatProblem, type Problem } from "../status/problem.ts";
import { errorCode, messageOf } from "../sys/errno.ts";
import { threadUrl } from "../sys/self-command.ts";
import { loadShim, type Shim } from "../sys/shim.ts";
import { type Command, ExitCode, makeCommand } from "./command.ts";
import { PluginLog } from "./log.ts";
import { flagValues, launchHints, type PluginFlags, pluginFlags, readConfigFile } from "./plugin-flags.ts";
import { PluginSignals } from "./plugin-signals.ts";
import { PluginStatus } from "./plugin-status.ts";

/** How long the results may take to be completed, and merged, when the program ends. */
const EXIT_TIMEOUT_MS = 5000;
/** More than that for what is done when all results are: taking away a lock. */
const LAST_WORDS_MS = 500;
/** No handler holds up a container for longer: what a busy machine adds makes 500 of it. */
const REPLY_CEILING_MS = 450;

/** `optimizer plugin`: the NRI plugin, connected to a runtime's socket or to the one that was inherited. */
export const makePluginCommand = (signals?: PluginSignals): Command =>
  makeCommand({
    name: "plugin",
    description: "Run as an NRI plugin of containerd or CRI-O",
    args: pluginFlags,
    examples: [
      ["optimizer plugin", "connect to containerd as the configuration file says, and stay connected"],
      ["optimizer plugin --persist-dir /var/lib/lists --overwrite", "another folder; the newest list wins"],
    ],
    async run(flags) {
      await runAsPlugin(flags, signals ?? new PluginSignals());
      return ExitCode.done;
    },
  });

/** Runs until the connection is over (pre-launched), or until a signal or a refusal (external). */
export async function runAsPlugin(flags: PluginFlags, signals: PluginSignals): Promise<void> {
  process.umask(0o022); // the runtime's own is not ours to count on
  const launch = findLaunch(launchHints(flags));
  const own = flagValues(flags);
  let shim: Shim | undefined;
  let obstacle: unknown;
  try {
    shim = loadShim();
  } catch (error) {
    obstacle = error;
  }
  await using log = new PluginLog(shim);
  const config = launch.kind === "external" ? readConfigFile(flags, log) : {};
  log.writeTo(combineConfig(config, own).logFile);
  const { source } = launch;
  if (shim !== undefined && "fd" in source) attempt(() => shim.setCloseOnExec(source.fd), log);
  const { tracing, unable } = await startTracing(shim, obstacle, launch, log);
  outliveMistakes(log);
  const { idx, name, kind } = launch;
  const status = new PluginStatus({
    log,
    plugin: { idx, name, launch: kind },
    tracing,
    unable,
    linkFile: shim?.linkFile,
  });
  signals.answer("SIGUSR1", () => void status.report());
  signals.answer("SIGHUP", () => log.reopen());
  const plugin = new Plugin({ launch, config, flags: own, log, shim, tracing, status });
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  await plugin.run(stop.signal);
}

/**
 * A pre-launched plugin that cannot trace still has to serve: on containerd up to 1.7.25 one that
 * ends before it is configured takes containerd with it.
 */
async function startTracing(
  shim: Shim | undefined,
  obstacle: unknown,
  { kind }: Launch,
  log: Log,
): Promise<{ readonly tracing: TracingThread | undefined; readonly unable: string }> {
  try {
    if (shim === undefined) throw obstacle;
    attempt(() => shim.raiseOpenFileLimit(), log); // with fewer descriptors fewer containers can be traced at a time
    return { tracing: await TracingThread.start({ url: threadUrl("tracing-main"), log }), unable: "" };
  } catch (error) {
    if (kind === "external") throw error;
    log.error(`nothing will be traced: ${messageOf(error)}`);
    return { tracing: undefined, unable: messageOf(error) };
  }
}

/** Does what the plugin is better with, but can be without. */
function attempt(act: () => void, log: Log): void {
  try {
    act();
  } catch (error) {
    log.warn(messageOf(error));
  }
}

interface PluginOptions {
  readonly launch: Launch;
  /** From the file, where the program reads it itself. */
  readonly config: Partial<Config>;
  readonly flags: Partial<Config>;
  readonly log: PluginLog;
  readonly shim: Shim | undefined;
  readonly tracing: TracingThread | undefined;
  readonly status: PluginStatus;
}

class Plugin implements PluginHandlers {
  readonly #options: PluginOptions;
  #config: Config;
  #runtime: RuntimeInfo = { name: "", version: "" };
  /** Undefined where nothing tells; 0 outside of this pid namespace. */
  #runtimePid: number | undefined;
  /** What keeps all containers of this runtime from being traced. */
  #blocked: Problem | undefined;
  /** When the results have to be complete, on the clock of performance.now(). */
  #deadlineMs = 0;

  constructor(options: PluginOptions) {
    this.#options = options;
    this.#config = combineConfig(options.config, options.flags);
    // A runtime's own plugin is told so when it is configured.
    if (options.launch.kind === "external") options.status.configure(this.#config);
    const { source } = options.launch;
    if ("fd" in source) this.#lookAtPeer(source.fd);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { launch, log, status } = this.#options;
    const end =
      launch.kind === "pre-launched"
        ? await this.#connect(signal)
        : await keepConnected({
            connect: () => this.#connect(signal),
            sleep,
            random: Math.random,
            signal,
            onRetry: (reason, waitMs) =>
              log.warn(`${describeEnd(reason)}; next attempt in ${Math.round(waitMs)} ms`),
          });
    const timeoutMs = Math.max(0, this.#deadlineMs - performance.now());
    const finished = this.#options.tracing?.request({ kind: "finish", timeoutMs });
    await Promise.race([finished, sleep(timeoutMs + LAST_WORDS_MS)]); // the disk may be dead
    await status.end();
    if (end.kind === "refused") throw new Error(describeEnd(end));
    log.info(describeEnd(end));
  }

  async #connect(signal: AbortSignal): Promise<EndReason> {
    const { launch, log, tracing, status } = this.#options;
    const end = await runPlugin({
      source: launch.source,
      name: launch.name,
      idx: launch.idx,
      handlers: this,
      replyCeilingMs: REPLY_CEILING_MS,
      onOpen: (fd) => this.#lookAtPeer(fd),
      onError: (message) => log.warn(message),
      onAnswer: (event, tookMs) => status.answered(event, tookMs),
      signal,
    });
    status.disconnected(describeEnd(end), cureFor(end));
    // Whoever started these containers does not tell us of their end any more.
    const reason = end.kind === "stopped" ? "terminated" : "connection lost";
    this.#deadlineMs = performance.now() + EXIT_TIMEOUT_MS;
    await Promise.race([tracing?.request({ kind: "end all", reason }), sleep(EXIT_TIMEOUT_MS)]);
    return end;
  }

  configure({ config, runtimeName, runtimeVersion }: Configuration): number {
    const { launch, log, flags, tracing, status } = this.#options;
    this.#runtime = { name: runtimeName, version: runtimeVersion };
    this.#blocked =
      this.#runtimePid === undefined
        ? undefined
        : findBlocked({ runtimePid: this.#runtimePid, runtime: this.#runtime });
    status.connected(this.#runtime, this.#runtimePid || undefined, this.#blocked);
    if (launch.kind === "pre-launched") {
      // Here nobody reads an error, and returning one would end older containerds.
      const { values, problems, notes } = parseConfig(config);
      this.#config = combineConfig(values, flags);
      log.writeTo(this.#config.logFile);
      status.configure(this.#config);
      for (const { text, stands } of problems) log.error(`configuration: ${text}; ${stands}`);
      for (const note of notes) log.info(`configuration: ${note}`);
    }
    const mask = this.#eventMask();
    log.info(
      `configured by ${runtimeName} ${runtimeVersion} as ${launch.idx}-${launch.name}; ` +
        `results go to ${this.#config.persistDir}`,
    );
    if (this.#blocked !== undefined) log.error(formatProblem(this.#blocked));
    void tracing?.request({ kind: "adopt folder", directory: this.#config.persistDir });
    const selection = describeSelection(this.#config);
    if (selection !== undefined) log.info(selection);
    return mask;
  }

  synchronized(read: () => RunningContainer[]): void {
    if (!this.#config.traceRunning) return;
    // The answer goes first: the lists of a large node take their time.
    setTimeout(() => {
      for (const { pod, container } of read()) {
        void this.#options.tracing?.request({
          kind: "join",
          container: containerInfo(pod, container),
          config: this.#config,
          runtime: this.#runtime,
        });
      }
    }, 0);
  }

  startContainer: PluginHandlers["startContainer"] = async (pod, container) => {
    await this.#options.tracing?.request({
      kind: "start",
      container: containerInfo(pod, container),
      config: this.#config,
      runtime: this.#runtime,
      blocked: this.#blocked && formatProblem(this.#blocked),
      sinceMs: sharedNowMs(),
    });
  };

  stopContainer: PluginHandlers["stopContainer"] = async (_pod, container) => {
    await this.#options.tracing?.request({ kind: "stop", containerId: container.id });
  };

  /** Who is at the other end of the connection, for its pids mean something in its own pid namespace only. */
  #lookAtPeer(fd: number): void {
    const { shim, log } = this.#options;
    attempt(() => {
      this.#runtimePid = shim?.peerPid(fd);
    }, log);
  }

  #eventMask(): number {
    const { log } = this.#options;
    try {
      const mask = parseEvents(this.#config.events);
      if ((mask & START_AND_STOP) !== START_AND_STOP) {
        log.warn("configuration: events lacks StartContainer or StopContainer; both are subscribed to");
      }
      return mask | START_AND_STOP;
    } catch (error) {
      log.error(`configuration: ${messageOf(error)}; the default stands`);
      return START_AND_STOP;
    }
  }
}

function describeEnd(end: EndReason): string {
  switch (end.kind) {
    case "closed":
      return "the runtime closed the connection";
    case "stopped":
      return "stopped by a signal";
    case "refused":
      return `the runtime refused this plugin: ${end.message}`;
    case "timed-out":
      return `the runtime did not answer within ${end.timeoutMs} ms`;
    case "failed":
      return `the connection failed: ${end.error.message}`;
  }
}

/** What to do about the end of a connection, where it can be told. */
function cureFor(end: EndReason): string | undefined {
  if (end.kind !== "failed") return end.kind === "closed" ? "start the runtime again" : undefined;
  switch (errorCode(end.error.cause)) {
    case "ECONNREFUSED":
      return "start the runtime; in a pod mount the folder of the socket, since a mount of the socket itself stays that of a runtime that has ended";
    case "ENOENT":
      return "start the runtime, with NRI switched on (optimizer doctor); in a pod mount the folder of the socket";
    case "EACCES":
      return "run as root";
    default:
      return undefined;
  }
}
