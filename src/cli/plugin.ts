import { readFileSync } from "node:fs";
import { type Config, defaultConfig, parseConfig } from "../config.ts";
import type { Log } from "../log.ts";
import { parseEvents, START_AND_STOP } from "../nri/events.ts";
import { type EndReason, runPlugin } from "../nri/plugin.ts";
import type { Configuration, PluginHandlers } from "../nri/plugin-service.ts";
import { keepConnected } from "../nri/reconnect.ts";
import { findLaunch, type Launch } from "../nri/socket.ts";
import { containerInfo } from "../session/container.ts";
import type { RuntimeInfo } from "../session/session.ts";
import { Sessions } from "../session/sessions.ts";
import { errorCode } from "../sys/errno.ts";
import { loadShim, type Shim } from "../sys/shim.ts";
import { Tracer } from "../trace/tracer.ts";
import { ExitCode, makeCommand } from "./command.ts";
import { createLog } from "./log.ts";
import { UsageError } from "./usage.ts";

const DEFAULT_CONFIG_PATH = "/etc/nri/conf.d/02-optimizer-nri-plugin.conf";
const DEFAULT_NAME = "optimizer";
const DEFAULT_IDX = "02";
/** How long the results may take to be completed when the program ends. */
const EXIT_TIMEOUT_MS = 5000;

const args = {
  "persist-dir": { type: "string", description: `Folder of the results (${defaultConfig.persistDir})` },
  readable: { type: "boolean", description: "Sizes and times in the csv for people" },
  timeout: {
    type: "string",
    description: "End each trace after so many seconds; 0: when the container stops",
  },
  overwrite: { type: "boolean", description: "Replace older lists instead of keeping them" },
  events: { type: "string", description: "Events to subscribe to (StartContainer,StopContainer)" },
  name: { type: "string", description: `Name to register under (${DEFAULT_NAME})` },
  idx: { type: "string", description: `Index to register under, two digits (${DEFAULT_IDX})` },
  "socket-path": { type: "string", description: "NRI socket of the runtime (/var/run/nri/nri.sock)" },
  config: { type: "string", description: `Configuration file (${DEFAULT_CONFIG_PATH}, if it exists)` },
} as const;

type Flags = { readonly [K in keyof typeof args]?: string | boolean | undefined };

/** `optimizer plugin`: the NRI plugin, connected to a runtime's socket or to the one that was inherited. */
export const pluginCommand = makeCommand({
  name: "plugin",
  description: "Run as an NRI plugin of containerd or CRI-O",
  args,
  async run(flags) {
    await runAsPlugin(flags);
    return ExitCode.done;
  },
});

/** Runs until the connection is over (pre-launched), or until a signal or a refusal (external). */
export async function runAsPlugin(flags: Flags): Promise<void> {
  process.umask(0o022); // the runtime's own is not ours to count on
  const shim = loadShim();
  const log = createLog(shim);
  const launch = findLaunch(launchHints(flags));
  if ("fd" in launch.source) shim.setCloseOnExec(launch.source.fd);
  shim.raiseOpenFileLimit();
  const own = flagValues(flags);
  const config = launch.kind === "external" ? readConfigFile(text(flags.config), log) : {};
  const sessions = await startSessions(shim, launch, log);
  // One event's mistake must not cost the other containers their traces.
  for (const kind of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(kind, (reason: unknown) =>
      log.error(`${kind}: ${reason instanceof Error ? reason.stack : reason}`),
    );
  }
  const plugin = new Plugin({ launch, config, flags: own, log, sessions });
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  await plugin.run(stop.signal);
}

/**
 * A pre-launched plugin that cannot trace still has to serve: on containerd up to 1.7.25 one that
 * ends before it is configured takes containerd with it.
 */
async function startSessions(shim: Shim, { kind }: Launch, log: Log): Promise<Sessions | undefined> {
  try {
    return new Sessions({ tracer: await Tracer.start(shim), xattr: shim.readXattr, log });
  } catch (error) {
    if (kind === "external") throw error;
    log.error(`nothing will be traced: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Throws UsageError for a file that is not as it should be: somebody is there to mend it. */
function readConfigFile(path: string | undefined, log: Log): Partial<Config> {
  const file = path ?? DEFAULT_CONFIG_PATH;
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    if (path === undefined && errorCode(error) === "ENOENT") return {};
    throw new UsageError(`Cannot read the configuration ${file}: ${errorCode(error) ?? error}`);
  }
  const { values, problems, notes } = parseConfig(content);
  if (problems.length > 0) throw new UsageError(problems.map((each) => `${file}: ${each}`).join("\n"));
  for (const note of notes) log.info(`${file}: ${note}`);
  if (values.events !== undefined) parseEvents(values.events); // throws for a name that is none
  return values;
}

interface PluginOptions {
  readonly launch: Launch;
  /** From the file, where the program reads it itself. */
  readonly config: Partial<Config>;
  readonly flags: Partial<Config>;
  readonly log: Log;
  readonly sessions: Sessions | undefined;
}

class Plugin implements PluginHandlers {
  readonly #options: PluginOptions;
  #config: Config;
  #runtime: RuntimeInfo = { name: "", version: "" };

  constructor(options: PluginOptions) {
    this.#options = options;
    this.#config = { ...defaultConfig, ...options.config, ...options.flags };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { launch, log } = this.#options;
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
    if (end.kind === "refused") throw new Error(describeEnd(end));
    log.info(describeEnd(end));
  }

  async #connect(signal: AbortSignal): Promise<EndReason> {
    const { launch, log, sessions } = this.#options;
    const end = await runPlugin({
      source: launch.source,
      name: launch.name,
      idx: launch.idx,
      handlers: this,
      onError: (message) => log.warn(message),
      signal,
    });
    // Whoever started these containers does not tell us of their end any more.
    const reason = end.kind === "stopped" ? "terminated" : "connection lost";
    await Promise.race([sessions?.endAll(reason), sleep(EXIT_TIMEOUT_MS, undefined)]);
    return end;
  }

  configure({ config, runtimeName, runtimeVersion }: Configuration): number {
    const { launch, log, flags } = this.#options;
    this.#runtime = { name: runtimeName, version: runtimeVersion };
    if (launch.kind === "pre-launched") {
      // Here nobody reads an error, and returning one would end older containerds.
      const { values, problems, notes } = parseConfig(config);
      for (const problem of problems) log.error(`configuration: ${problem}; the default stands`);
      for (const note of notes) log.info(`configuration: ${note}`);
      this.#config = { ...defaultConfig, ...values, ...flags };
    }
    const mask = this.#eventMask();
    log.info(
      `configured by ${runtimeName} ${runtimeVersion} as ${launch.idx}-${launch.name}; ` +
        `results go to ${this.#config.persistDir}`,
    );
    return mask;
  }

  startContainer: PluginHandlers["startContainer"] = async (pod, container) => {
    await this.#options.sessions?.start(containerInfo(pod, container), this.#config, this.#runtime);
  };

  stopContainer: PluginHandlers["stopContainer"] = async (_pod, container) => {
    await this.#options.sessions?.stop(container.id);
  };

  #eventMask(): number {
    const { log } = this.#options;
    try {
      const mask = parseEvents(this.#config.events);
      if ((mask & START_AND_STOP) !== START_AND_STOP) {
        log.warn("configuration: events lacks StartContainer or StopContainer; both are subscribed to");
      }
      return mask | START_AND_STOP;
    } catch (error) {
      log.error(`configuration: ${error instanceof Error ? error.message : error}; the default stands`);
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

/** Resolves after the time, or when the signal is aborted. */
function sleep(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, waitMs);
  signal?.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}

function launchHints(flags: Flags) {
  const argv0 = readFileSync("/proc/self/cmdline", "utf8").split("\0", 1)[0] ?? "";
  const named = /^\d\d-./.test(argv0.slice(argv0.lastIndexOf("/") + 1)) || process.env["NRI_PLUGIN_IDX"];
  return {
    env: process.env,
    argv0,
    socketPath: text(flags["socket-path"]),
    name: text(flags.name) ?? (named ? undefined : DEFAULT_NAME),
    idx: text(flags.idx) ?? (named ? undefined : DEFAULT_IDX),
  };
}

/** The flags as configuration, checked by the same rules as the file. Throws UsageError. */
function flagValues(flags: Flags): Partial<Config> {
  const lines = [
    tomlLine("persist_dir", text(flags["persist-dir"])),
    tomlLine("timeout", flags.timeout === undefined ? undefined : Number(flags.timeout)),
    tomlLine("readable", flags.readable),
    tomlLine("overwrite", flags.overwrite),
    tomlLine("events", text(flags.events)?.split(",")),
  ];
  const { values, problems } = parseConfig(lines.join(""));
  if (problems.length > 0) {
    throw new UsageError(problems.map((each) => each.replace(/^line \d+: (\S+)/, flagOfKey)).join("\n"));
  }
  if (values.events !== undefined) parseEvents(values.events);
  return values;
}

function tomlLine(key: string, value: unknown): string {
  return value === undefined ? "" : `${key} = ${Number.isNaN(value) ? '"nan"' : JSON.stringify(value)}\n`;
}

function flagOfKey(_line: string, key: string): string {
  return `--${key.replaceAll("_", "-")}`;
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
