import TOML from "@iarna/toml";
import { messageOf } from "../sys/errno.ts";
import { applyEdit, createCommand, type Edit, editCommand } from "./edit.ts";
import type { RuntimeFacts, TextFile } from "./facts.ts";
import { findKey } from "./toml-lines.ts";

/** What a runtime's configuration says of NRI. */
export interface NriSettings {
  /** `unknown` where it is the default of a version that nothing tells. */
  readonly enabled: boolean | "unknown";
  /** Where it says so; undefined when it is the default. */
  readonly place: Place | undefined;
  readonly pluginPath: string;
  readonly pluginConfigPath: string;
  readonly socketPath: string;
  /** What is switched off as a whole that is needed: `cri`. */
  readonly disabled: readonly DisabledPlugin[];
}

export interface Place {
  readonly path: string;
  readonly line: number | undefined;
}

export interface DisabledPlugin extends Place {
  readonly word: string;
}

/** A configuration file that is no TOML, or of a kind that this runtime does not read. */
export interface BadConfig extends Place {
  readonly problem: string;
}

const defaults = {
  pluginPath: "/opt/nri/plugins",
  pluginConfigPath: "/etc/nri/conf.d",
  socketPath: "/var/run/nri/nri.sock",
};

const NRI_URI = "io.containerd.nri.v1.nri";
/** The CRI under its names in configurations of version 1, 2 and 3. */
const neededPlugins = ["cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "nri", NRI_URI];
const CRIO_SECTION = ["crio", "nri"];

type Table = Readonly<Record<string, unknown>>;

interface ParsedFile {
  readonly file: TextFile;
  readonly table: Table;
}

/** Reads the settings, or says what is wrong with a file. */
export function nriSettings(runtime: RuntimeFacts): NriSettings | BadConfig {
  const files: ParsedFile[] = [];
  for (const file of runtime.config) {
    if (file.text === undefined) {
      if (file.error === "ENOENT") continue;
      return { path: file.path, line: undefined, problem: `cannot be read: ${file.error}` };
    }
    try {
      files.push({ file, table: TOML.parse(file.text) as Table });
    } catch (error) {
      return { path: file.path, ...tomlProblem(error) };
    }
  }
  return runtime.kind === "containerd" ? ofContainerd(runtime, files) : ofCrio(runtime, files);
}

/** Whether `version` is at least that; a version that is not known counts as an old one. */
export function isAtLeast(version: string | undefined, major: number, minor: number): boolean {
  const [, itsMajor, itsMinor = ""] = /^v?(\d+)\.(\d+|x)/.exec(version ?? "") ?? [];
  if (itsMajor === undefined) return false;
  const least = itsMinor === "x" ? 0 : Number(itsMinor); // of `2.x` no more is known
  return Number(itsMajor) > major || (Number(itsMajor) === major && least >= minor);
}

function ofContainerd(runtime: RuntimeFacts, files: readonly ParsedFile[]): NriSettings | BadConfig {
  const formats = files.map(({ table }) => Number(table["version"] ?? 1));
  const isNew = isAtLeast(runtime.version, 2, 0) || (runtime.version === undefined && formats.includes(3));
  const tooNew = files.find(({ table }) => Number(table["version"] ?? 1) > (isNew ? 99 : 2));
  if (tooNew !== undefined) {
    const { path, text = "" } = tooNew.file;
    const problem = `version = ${tooNew.table["version"]} is for containerd 2.0 and newer`;
    return { path, line: findKey(text, [], "version").line, problem };
  }
  const misnamed = isNew ? undefined : findMisnamed(files);
  if (misnamed !== undefined) return misnamed;
  let merged: Table = {};
  let place: Place | undefined;
  for (const { file, table } of files) {
    const section = containerdSection(table, isNew);
    const its = asTable(asTable(table["plugins"])[section.at(-1) ?? ""]);
    if (Object.keys(its).length === 0) continue;
    // What an imported file has of a section: one key each since 2.0, all of the section before.
    merged = isNew ? { ...merged, ...its } : its;
    if ("disable" in its)
      place = { path: file.path, line: findKey(file.text ?? "", section, "disable").line };
    else if (!isNew) place = undefined;
  }
  const disable = merged["disable"];
  return {
    enabled: typeof disable === "boolean" ? !disable : isNew || (runtime.version === undefined && "unknown"),
    place,
    ...folders(merged, {
      pluginPath: "plugin_path",
      pluginConfigPath: "plugin_config_path",
      socketPath: "socket_path",
    }),
    disabled: files.flatMap(({ file, table }) => disabledPlugins(file, table)),
  };
}

/** containerd 1 does not start when version 2 has a section under the short name of version 1. */
function findMisnamed(files: readonly ParsedFile[]): BadConfig | undefined {
  for (const { file, table } of files) {
    if (Number(table["version"] ?? 1) !== 2) continue;
    const name = Object.keys(asTable(table["plugins"])).find((key) => key.split(".").length < 4);
    if (name === undefined) continue;
    const { header } = findKey(file.text ?? "", ["plugins", name], "");
    return { path: file.path, line: header, problem: `"${name}" is no name of a section in version = 2` };
  }
  return undefined;
}

/** In version 1 sections have short names; containerd 2 does not know this one by its. */
function containerdSection(table: Table, isNew: boolean): string[] {
  const isFirst = Number(table["version"] ?? 1) === 1;
  return ["plugins", isFirst && !isNew ? "nri" : NRI_URI];
}

function disabledPlugins({ path, text = "" }: TextFile, table: Table): DisabledPlugin[] {
  const words = table["disabled_plugins"];
  if (!Array.isArray(words)) return [];
  const { line } = findKey(text, [], "disabled_plugins");
  return words.filter((word) => neededPlugins.includes(word)).map((word) => ({ path, line, word }));
}

function ofCrio(runtime: RuntimeFacts, files: readonly ParsedFile[]): NriSettings {
  let merged: Table = {};
  let place: Place | undefined;
  for (const { file, table } of files) {
    const its = asTable(asTable(table["crio"])["nri"]);
    merged = { ...merged, ...its };
    if (!("enable_nri" in its)) continue;
    place = { path: file.path, line: findKey(file.text ?? "", CRIO_SECTION, "enable_nri").line };
  }
  const enable = runtime.process?.nriFlag ?? merged["enable_nri"];
  return {
    enabled:
      typeof enable === "boolean"
        ? enable
        : isAtLeast(runtime.version, 1, 30) || (runtime.version === undefined && "unknown"),
    place,
    ...folders(merged, {
      pluginPath: "nri_plugin_dir",
      pluginConfigPath: "nri_plugin_config_dir",
      socketPath: "nri_listen",
    }),
    disabled: [],
  };
}

function folders(table: Table, keys: Record<keyof typeof defaults, string>): typeof defaults {
  const text = (key: string, otherwise: string): string => {
    const value = table[key];
    return typeof value === "string" && value !== "" ? value : otherwise;
  };
  return {
    pluginPath: text(keys.pluginPath, defaults.pluginPath),
    pluginConfigPath: text(keys.pluginConfigPath, defaults.pluginConfigPath),
    socketPath: text(keys.socketPath, defaults.socketPath),
  };
}

function asTable(value: unknown): Table {
  return typeof value === "object" && value !== null ? (value as Table) : {};
}

function tomlProblem(error: unknown): { line: number | undefined; problem: string } {
  const line = (error as { line?: unknown }).line;
  const [message] = messageOf(error).split("\n");
  return {
    line: typeof line === "number" ? line + 1 : undefined,
    problem: `not TOML: ${message?.replace(/ at row \d+, col \d+, pos \d+:?$/, "")}`,
  };
}

/**
 * The commands that switch NRI on, or undefined when none of those that could be thought of does it: each
 * is tried on the text before it is proposed.
 */
export function enableNri(runtime: RuntimeFacts): string[] | undefined {
  const settings = nriSettings(runtime);
  if ("problem" in settings) return undefined;
  const main = runtime.config.find(({ path }) => path === settings.place?.path) ?? runtime.config[0];
  if (main === undefined) return undefined;
  if (runtime.kind === "cri-o" && settings.place === undefined) {
    const path = "/etc/crio/crio.conf.d/99-nri.conf";
    const lines = ["[crio.nri]", "enable_nri = true"];
    return turnsOn(runtime, path, `${lines.join("\n")}\n`) ? createCommand(path, lines) : undefined;
  }
  if (main.text === undefined) {
    const lines = [
      `version = ${isAtLeast(runtime.version, 2, 0) ? 3 : 2}`,
      `[plugins."${NRI_URI}"]`,
      "  disable = false",
    ];
    return turnsOn(runtime, main.path, lines.join("\n")) ? createCommand(main.path, lines) : undefined;
  }
  const { text, path } = main;
  const edit = editsToEnable(runtime, text).find((each) => turnsOn(runtime, path, applyEdit(text, each)));
  return edit === undefined ? undefined : [editCommand(path, edit)];
}

function editsToEnable(runtime: RuntimeFacts, text: string): Edit[] {
  const isCrio = runtime.kind === "cri-o";
  const [key, value, opposite] = isCrio ? ["enable_nri", "true", "false"] : ["disable", "false", "true"];
  const sections = isCrio
    ? [CRIO_SECTION]
    : [
        ["plugins", NRI_URI],
        ["plugins", "nri"],
      ];
  return sections.flatMap((section): Edit[] => {
    const { header, line } = findKey(text, section, key);
    if (line !== undefined) return [{ kind: "substitute", line, from: opposite, to: value }];
    if (header !== undefined) return [{ kind: "insert", after: header, text: `  ${key} = ${value}` }];
    const name = section.map((part) => (part.includes(".") ? `"${part}"` : part)).join(".");
    // An empty line first: the last one of the file may have no end.
    return [{ kind: "append", lines: ["", `[${name}]`, `  ${key} = ${value}`] }];
  });
}

/** Whether NRI is on once this file has that text. */
function turnsOn(runtime: RuntimeFacts, path: string, text: string): boolean {
  const known = runtime.config.some((file) => file.path === path);
  const config = known
    ? runtime.config.map((file) => (file.path === path ? { path, text } : file))
    : [...runtime.config, { path, text }];
  const settings = nriSettings({ ...runtime, config });
  return !("problem" in settings) && settings.enabled === true;
}

/** The commands that take a plugin out of `disabled_plugins`, or undefined when that takes an editor. */
export function enablePlugin(
  runtime: RuntimeFacts,
  { path, line, word }: DisabledPlugin,
): string[] | undefined {
  const text = runtime.config.find((file) => file.path === path)?.text;
  const its = line === undefined ? undefined : text?.split("\n")[line - 1];
  if (text === undefined || line === undefined || its === undefined) return undefined;
  const forms = [`"${word}", `, `, "${word}"`, `"${word}"`, `'${word}', `, `, '${word}'`, `'${word}'`];
  const from = forms.find((form) => its.includes(form));
  if (from === undefined) return undefined;
  const edit: Edit = { kind: "substitute", line, from, to: "" };
  const config = runtime.config.map((file) =>
    file.path === path ? { path, text: applyEdit(text, edit) } : file,
  );
  const after = nriSettings({ ...runtime, config });
  const gone =
    !("problem" in after) && !after.disabled.some((each) => each.word === word && each.path === path);
  return gone ? [editCommand(path, edit)] : undefined;
}
