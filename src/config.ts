import TOML from "@iarna/toml";
import { nearest } from "./nearest.ts";

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
  /** `runtime_files`: files that the workload made itself are listed too. */
  readonly runtimeFiles: boolean;
  /** `events`: what to ask the runtime for. */
  readonly events: readonly string[];
}

/** The file that the runtime hands to the plugin, and that an external plugin reads itself. */
export const CONFIG_PATH = "/etc/nri/conf.d/02-optimizer-nri-plugin.conf";

export const defaultConfig: Config = {
  persistDir: "/opt/nri/optimizer/results",
  readable: false,
  timeoutSeconds: 0,
  overwrite: false,
  runtimeFiles: false,
  events: ["StartContainer", "StopContainer"],
};

/** Seconds in a year: setTimeout() would fire at once for what does not fit 32 bits of milliseconds. */
const TIMEOUT_SECONDS_MAX = 2_147_483;

/** The outcome of parsing: what could be used, and what was wrong with the rest. */
export interface ParsedConfig {
  /** Only the keys that were given and right. */
  readonly values: Partial<Config>;
  /** One sentence each, with the line and the cure. The defaults stand for these keys. */
  readonly problems: readonly string[];
  /** Worth a line in the log, but nothing is wrong. */
  readonly notes: readonly string[];
}

type Setter = (value: unknown) => Partial<Config> | string;

/** For each key: takes its value, or says what it must be. */
const keys: Record<string, Setter> = {
  persist_dir: (value) =>
    typeof value === "string" && value.startsWith("/") && !value.includes("\0")
      ? { persistDir: value }
      : 'an absolute path, such as "/opt/nri/optimizer/results"',
  readable: (value) => (typeof value === "boolean" ? { readable: value } : "true or false"),
  timeout: (value) =>
    isSeconds(value) ? { timeoutSeconds: Number(value) } : `seconds from 0 to ${TIMEOUT_SECONDS_MAX}`,
  overwrite: (value) => (typeof value === "boolean" ? { overwrite: value } : "true or false"),
  runtime_files: (value) => (typeof value === "boolean" ? { runtimeFiles: value } : "true or false"),
  events: (value) =>
    Array.isArray(value) && value.every((name) => typeof name === "string")
      ? { events: value }
      : 'a list of event names, such as ["StartContainer", "StopContainer"]',
};

/** Keys of the older two-binary tool that have no meaning here. */
const ignoredKeys = new Set(["server_path"]);

/** Reads the TOML text of the configuration. Never throws: a typo must not keep a node from working. */
export function parseConfig(text: string): ParsedConfig {
  let table: Record<string, unknown>;
  try {
    table = TOML.parse(text);
  } catch (error) {
    return { values: {}, problems: [tomlProblem(error)], notes: [] };
  }
  let values: Partial<Config> = {};
  const problems: string[] = [];
  const notes: string[] = [];
  for (const [key, value] of Object.entries(table)) {
    const setter = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (ignoredKeys.has(key)) {
      notes.push(`${key} is ignored: there is no separate server any more`);
    } else if (setter === undefined) {
      problems.push(unknownKey(key, text));
    } else {
      const result = setter(value);
      if (typeof result === "string") problems.push(`${at(key, text)}${key} must be ${result}`);
      else values = { ...values, ...result };
    }
  }
  return { values, problems, notes };
}

function isSeconds(value: unknown): boolean {
  const seconds = typeof value === "bigint" ? Number(value) : value;
  return typeof seconds === "number" && seconds >= 0 && seconds <= TIMEOUT_SECONDS_MAX;
}

function unknownKey(key: string, text: string): string {
  const known = nearest(key, Object.keys(keys));
  const cure =
    known === undefined ? `known keys: ${Object.keys(keys).join(", ")}` : `did you mean "${known}"?`;
  return `${at(key, text)}unknown key "${key}"; ${cure}`;
}

/** `line 3: `, or nothing when the key is written in a way that is not easily found. */
function at(key: string, text: string): string {
  const lines = text.split("\n");
  const index = lines.findIndex((line) => {
    const start = line.trimStart();
    const bare = [key, `"${key}"`, `'${key}'`].find((form) => start.startsWith(form));
    return start.startsWith(`[${key}`) || (bare !== undefined && /^\s*[.=]/.test(start.slice(bare.length)));
  });
  return index < 0 ? "" : `line ${index + 1}: `;
}

/** The parser's message has several lines: a picture of the place follows the first. */
function tomlProblem(error: unknown): string {
  const message = error instanceof Error ? error.message.split("\n")[0] : String(error);
  const line =
    error instanceof Error && "line" in error && typeof error.line === "number" ? error.line + 1 : undefined;
  const place = line === undefined ? "" : `line ${line}: `;
  return `${place}not TOML: ${message?.replace(/ at row \d+, col \d+, pos \d+:?$/, "")}`;
}
