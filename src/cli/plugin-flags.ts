import { readFileSync } from "node:fs";
import { CONFIG_PATH, type Config, defaultConfig, parseConfig } from "../config.ts";
import type { Log } from "../log.ts";
import { parseEvents } from "../nri/events.ts";
import type { LaunchHints } from "../nri/socket.ts";
import { errorCode } from "../sys/errno.ts";
import { UsageError } from "./usage.ts";

const DEFAULT_NAME = "optimizer";
const DEFAULT_IDX = "02";

/** The flags of `optimizer plugin`, as citty describes them. */
export const pluginFlags = {
  "persist-dir": {
    type: "string",
    valueHint: "DIR",
    description: `Folder of the results (${defaultConfig.persistDir})`,
  },
  readable: { type: "boolean", description: "Sizes and times in the csv for people" },
  timeout: {
    type: "string",
    valueHint: "SECONDS",
    description: "End each trace after so many seconds; 0: when the container stops",
  },
  overwrite: { type: "boolean", description: "Replace older lists instead of keeping them" },
  merge: { type: "boolean", description: "Merge each run into the older list instead of keeping that" },
  include: {
    type: "string",
    valueHint: "PATTERNS",
    description: "Trace only what matches: KIND=GLOB,… (image, namespace, pod, container, label)",
  },
  exclude: { type: "string", valueHint: "PATTERNS", description: "Do not trace what matches one of these" },
  "list-per": {
    type: "string",
    valueHint: "WHAT",
    description: "What has a list of its own: image (default), workload",
  },
  "runtime-files": { type: "boolean", description: "List files that the workload made itself, too" },
  "trace-running": {
    type: "boolean",
    description: "Trace containers that run already, from now on, where there is no list",
  },
  events: {
    type: "string",
    valueHint: "NAMES",
    description: "Events to subscribe to (StartContainer,StopContainer)",
  },
  "log-file": {
    type: "string",
    valueHint: "FILE",
    description: "Append the log to a file, instead of syslog or stderr",
  },
  "status-file": {
    type: "string",
    valueHint: "FILE",
    description: "Keep figures of the plugin in a JSON file; SIGUSR1 writes it at once",
  },
  "metrics-file": {
    type: "string",
    valueHint: "FILE",
    description: "The same for node-exporter's textfile collector: a file that ends in .prom",
  },
  "run-dir": {
    type: "string",
    valueHint: "DIR",
    description: `Folder of the socket where optimizer status asks (${defaultConfig.runDir})`,
  },
  name: { type: "string", valueHint: "NAME", description: `Name to register under (${DEFAULT_NAME})` },
  idx: {
    type: "string",
    valueHint: "NN",
    description: `Index to register under, two digits (${DEFAULT_IDX})`,
  },
  "socket-path": {
    type: "string",
    valueHint: "FILE",
    description: "NRI socket of the runtime (/var/run/nri/nri.sock)",
  },
  config: {
    type: "string",
    valueHint: "FILE",
    description: `Configuration file (${CONFIG_PATH}, if it exists)`,
  },
} as const;

/** What the user gave; all of it is optional. */
export type PluginFlags = { readonly [K in keyof typeof pluginFlags]?: string | boolean | undefined };

/**
 * The configuration file's values. Throws UsageError for a file that is not as it should be: an
 * external plugin has somebody who can mend it.
 */
export function readConfigFile(flags: PluginFlags, log: Log): Partial<Config> {
  const path = text(flags.config);
  const file = path ?? CONFIG_PATH;
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (error) {
    if (path === undefined && errorCode(error) === "ENOENT") return {};
    throw new UsageError(`Cannot read the configuration ${file}: ${errorCode(error) ?? error}`);
  }
  const { values, problems, notes } = parseConfig(content);
  if (problems.length > 0) throw new UsageError(problems.map((each) => `${file}: ${each.text}`).join("\n"));
  for (const note of notes) log.info(`${file}: ${note}`);
  if (values.events !== undefined) parseEvents(values.events); // throws for a name that is none
  return values;
}

/** What findLaunch() decides by. The name of the program itself says nothing, unless it is NN-name. */
export function launchHints(flags: PluginFlags): LaunchHints {
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
export function flagValues(flags: PluginFlags): Partial<Config> {
  const lines = [
    tomlLine("persist_dir", text(flags["persist-dir"])),
    tomlLine("timeout", flags.timeout === undefined ? undefined : Number(flags.timeout)),
    tomlLine("readable", flags.readable),
    tomlLine("overwrite", flags.overwrite),
    tomlLine("merge", flags.merge),
    tomlLine("include", entries(flags.include)),
    tomlLine("exclude", entries(flags.exclude)),
    tomlLine("list_per", text(flags["list-per"])),
    tomlLine("runtime_files", flags["runtime-files"]),
    tomlLine("trace_running", flags["trace-running"]),
    tomlLine("events", entries(flags.events)),
    tomlLine("log_file", text(flags["log-file"])),
    tomlLine("status_file", text(flags["status-file"])),
    tomlLine("metrics_file", text(flags["metrics-file"])),
    tomlLine("run_dir", text(flags["run-dir"])),
  ];
  const { values, problems } = parseConfig(lines.join(""));
  if (problems.length > 0) {
    throw new UsageError(problems.map((each) => each.text.replace(/^line \d+: (\S+)/, flagOfKey)).join("\n"));
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

function entries(value: string | boolean | undefined): string[] | undefined {
  return text(value)?.split(",");
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === "string" ? value : undefined;
}
