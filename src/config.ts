import TOML from "@iarna/toml";
import { placeOf, syntaxProblem } from "./config-text.ts";
import { nearest } from "./nearest.ts";
import { type Pattern, parsePattern } from "./pattern.ts";

/** What a list belongs to: an image, or an image in one workload of the cluster. */
export type ListPer = "image" | "workload";

/** What the plugin is to do. The keys of the TOML file, and the flags, map to it one by one. */
export interface Config {
  /** `persist_dir`: the folder of the results. */
  readonly persistDir: string;
  /** `readable`: sizes and times in the csv for people. */
  readonly readable: boolean;
  /** `timeout`: ends a trace after so many seconds; 0 traces until the container stops. */
  readonly timeoutSeconds: number;
  /** `overwrite`: an older list of the same name is replaced, not kept. */
  readonly overwrite: boolean;
  /** `merge`: a new run becomes a part of the older list of the same name. Never together with overwrite. */
  readonly merge: boolean;
  /** `list_per`: what a list belongs to. */
  readonly listPer: ListPer;
  /** `include`: which containers are traced; of each kind that is named here one pattern at least must match. */
  readonly include: readonly Pattern[];
  /** `exclude`: which containers are not. */
  readonly exclude: readonly Pattern[];
  /** `runtime_files`: files that the workload made itself are listed too. */
  readonly runtimeFiles: boolean;
  /** `trace_running`: containers that run when the plugin starts are traced from then on, where there is no list. */
  readonly traceRunning: boolean;
  /** `events`: what to ask the runtime for. */
  readonly events: readonly string[];
  /** `log_file`: where the log goes instead of syslog or stderr; "" is nowhere else. */
  readonly logFile: string;
  /** `status_file`: figures of the plugin as JSON; "" is none. */
  readonly statusFile: string;
  /** `metrics_file`: the same for node-exporter's textfile collector; "" is none. */
  readonly metricsFile: string;
  /** `run_dir`: the folder of the socket where `optimizer status` asks; "" is none. */
  readonly runDir: string;
}

/** The file that the runtime hands to the plugin, and that an external plugin reads itself. */
export const CONFIG_PATH = "/etc/nri/conf.d/02-optimizer-nri-plugin.conf";

export const defaultConfig: Config = {
  persistDir: "/opt/nri/optimizer/results",
  readable: false,
  timeoutSeconds: 0,
  overwrite: false,
  merge: false,
  listPer: "image",
  include: [],
  exclude: [],
  runtimeFiles: false,
  traceRunning: false,
  events: ["StartContainer", "StopContainer"],
  logFile: "",
  statusFile: "",
  metricsFile: "",
  runDir: "/run/optimizer",
};

/** Seconds in a year: setTimeout() would fire at once for what does not fit 32 bits of milliseconds. */
const TIMEOUT_SECONDS_MAX = 2_147_483;

/** Nobody mends more at a time, and each costs a search through the text. */
const PROBLEMS_MAX = 20;

/** Something wrong in a configuration. */
export interface ConfigProblem {
  /** One sentence, with the line and the cure. */
  readonly text: string;
  /** What counts nevertheless, for a log. */
  readonly stands: "the default stands" | "the other entries stand";
}

/** The outcome of parsing: what could be used, and what was wrong with the rest. */
export interface ParsedConfig {
  /** Only the keys that were given and right. */
  readonly values: Partial<Config>;
  readonly problems: readonly ConfigProblem[];
  /** Worth a line in the log, but nothing is wrong. */
  readonly notes: readonly string[];
}

/** A list of which some entries are right. */
interface Entries {
  readonly values: Partial<Config>;
  readonly wrong: readonly { readonly entry: string; readonly why: string }[];
}

type Setter = (value: unknown) => Partial<Config> | Entries | string;

/** For each key: takes its value, or says what it must be. */
const keys: Record<string, Setter> = {
  persist_dir: (value) =>
    typeof value === "string" && value.startsWith("/") && !value.includes("\0")
      ? { persistDir: value }
      : 'an absolute path, such as "/opt/nri/optimizer/results"',
  include: (value) => patterns(value, (include) => ({ include })),
  exclude: (value) => patterns(value, (exclude) => ({ exclude })),
  list_per: (value) =>
    value === "image" || value === "workload" ? { listPer: value } : '"image" or "workload"',
  readable: (value) => (typeof value === "boolean" ? { readable: value } : "true or false"),
  timeout: (value) =>
    isSeconds(value) ? { timeoutSeconds: Number(value) } : `seconds from 0 to ${TIMEOUT_SECONDS_MAX}`,
  overwrite: (value) => (typeof value === "boolean" ? { overwrite: value } : "true or false"),
  merge: (value) => (typeof value === "boolean" ? { merge: value } : "true or false"),
  runtime_files: (value) => (typeof value === "boolean" ? { runtimeFiles: value } : "true or false"),
  trace_running: (value) => (typeof value === "boolean" ? { traceRunning: value } : "true or false"),
  events: (value) =>
    isTexts(value) ? { events: value } : 'a list of event names, such as ["StartContainer", "StopContainer"]',
  log_file: (value) =>
    isFilePath(value)
      ? { logFile: value }
      : 'the absolute path of a file, such as "/var/log/optimizer.log", or "" for none',
  status_file: (value) =>
    isFilePath(value)
      ? { statusFile: value }
      : 'the absolute path of a file, such as "/run/optimizer.json", or "" for none',
  metrics_file: (value) =>
    isFilePath(value) && (value === "" || /[^/]\.prom$/.test(value))
      ? { metricsFile: value }
      : 'an absolute path that ends in .prom, such as "/var/lib/node_exporter/optimizer.prom", or "" for none',
  run_dir: (value) =>
    isFilePath(value)
      ? { runDir: value }
      : 'the absolute path of a folder, such as "/run/optimizer", or "" for none',
};

/** Keys of the older two-binary tool that have no meaning here. */
const ignoredKeys = new Set(["server_path"]);

/** Reads the TOML text of the configuration. Never throws: a typo must not keep a node from working. */
export function parseConfig(text: string): ParsedConfig {
  let table: Record<string, unknown>;
  try {
    table = TOML.parse(text);
  } catch (error) {
    return { values: {}, problems: [problem(syntaxProblem(error))], notes: [] };
  }
  let values: Partial<Config> = {};
  const problems: ConfigProblem[] = [];
  const notes: string[] = [];
  for (const [key, value] of Object.entries(table)) {
    if (problems.length >= PROBLEMS_MAX) break; // it is no configuration at all
    const setter = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (ignoredKeys.has(key)) {
      notes.push(`${key} is ignored: there is no separate server any more`);
    } else if (setter === undefined) {
      problems.push(problem(unknownKey(key, text)));
    } else {
      const result = setter(value);
      if (typeof result === "string") {
        problems.push(problem(`${placeOf(key, text)}${key} must be ${result}`));
      } else if ("wrong" in result) {
        values = { ...values, ...result.values };
        problems.push(...result.wrong.map(({ entry, why }) => entryProblem(key, entry, why, text)));
      } else {
        values = { ...values, ...result };
      }
    }
  }
  if (values.merge === true && values.overwrite === true) {
    const { overwrite: _, ...others } = values;
    problems.push(
      problem(`${placeOf("overwrite", text)}overwrite is ignored, since merge is true; leave one out`),
    );
    return { values: others, problems, notes };
  }
  return { values, problems, notes };
}

/** The whole configuration: the flags win over the file, and the file over the defaults. */
export function combineConfig(file: Partial<Config>, flags: Partial<Config>): Config {
  const config = { ...defaultConfig, ...file, ...flags };
  // One excludes the other: the one that was asked for by a flag counts.
  if (!config.merge || !config.overwrite) return config;
  return flags.overwrite === true ? { ...config, merge: false } : { ...config, overwrite: false };
}

function problem(text: string): ConfigProblem {
  return { text, stands: "the default stands" };
}

function entryProblem(key: string, entry: string, why: string, text: string): ConfigProblem {
  return {
    text: `${placeOf(key, text, entry)}${key} ${JSON.stringify(entry)}: ${why}`,
    stands: "the other entries stand",
  };
}

/** Takes a list of patterns; what is wrong with one of them does not keep the others from counting. */
function patterns(value: unknown, toValues: (right: Pattern[]) => Partial<Config>): Entries | string {
  if (!isTexts(value)) return 'a list of KIND=GLOB, such as ["image=nginx:*", "namespace=web"]';
  const right: Pattern[] = [];
  const wrong: { entry: string; why: string }[] = [];
  for (const entry of value) {
    const pattern = parsePattern(entry);
    if (typeof pattern === "string") wrong.push({ entry, why: pattern });
    else right.push(pattern);
  }
  return { values: toValues(right), wrong };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

/** Or "", which means none. */
function isFilePath(value: unknown): value is string {
  return typeof value === "string" && (value === "" || /^\/[^\0]*[^\0/]$/.test(value));
}

function isSeconds(value: unknown): boolean {
  const seconds = typeof value === "bigint" ? Number(value) : value;
  return typeof seconds === "number" && seconds >= 0 && seconds <= TIMEOUT_SECONDS_MAX;
}

function unknownKey(key: string, text: string): string {
  const known = nearest(key, Object.keys(keys));
  const cure =
    known === undefined ? `known keys: ${Object.keys(keys).join(", ")}` : `did you mean "${known}"?`;
  return `${placeOf(key, text)}unknown key "${key}"; ${cure}`;
}
