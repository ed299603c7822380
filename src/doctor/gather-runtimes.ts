import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import TOML from "@iarna/toml";
import { Glob } from "bun";
import { errorCode } from "../sys/errno.ts";
import type { RuntimeFacts, RuntimeKind, TextFile } from "./facts.ts";
import { flagOf, openFilesOf, type Process, unitOf } from "./processes.ts";
import { versionOfProgram } from "./program-version.ts";
import type { Vantage } from "./vantage.ts";

const CONTAINERD_CONFIG = "/etc/containerd/config.toml";
const CRIO_CONFIG = "/etc/crio/crio.conf";
/** More than an imports line can mean. */
const CONFIG_FILES_MAX = 64;

/** The runtimes of this host; Docker's own containerd raises no NRI events and is left out. */
export interface FoundRuntimes {
  readonly runtimes: readonly RuntimeFacts[];
  readonly docker: boolean;
}

export interface FindOptions {
  readonly processes: readonly Process[];
  /** Picks the containerd that reads this file. */
  readonly containerdConfig: string | undefined;
  /** How far a process may be believed. */
  readonly vantageOf: (pid: number) => Vantage;
  /** Whether one that sees other files may be this host's. */
  readonly mayServeUs: (pid: number) => boolean;
  /** The version that a running runtime has told its plugin. */
  readonly toldVersion: (pid: number, kind: RuntimeKind) => string | undefined;
}

/** A runtime that runs, and may be believed. */
interface Candidate {
  readonly process: Process;
  readonly vantage: "here" | "elsewhere";
}

/**
 * Finds those that run; else those that are installed. A process that only calls itself a runtime is passed over, and
 * none is executed or asked.
 */
export function findRuntimes(options: FindOptions): FoundRuntimes {
  const { processes, containerdConfig } = options;
  const running = findRunning(options);
  const own = running.filter(({ process }) => !isDockers(process, processes));
  const docker = own.length < running.length;
  const wanted =
    containerdConfig === undefined ? own : own.filter(({ process }) => reads(process, containerdConfig));
  if (wanted.length > 0) return { runtimes: wanted.map((each) => ofProcess(each, options)), docker };
  if (docker && containerdConfig === undefined) return { runtimes: [], docker };
  const kinds: RuntimeKind[] = containerdConfig === undefined ? ["containerd", "cri-o"] : ["containerd"];
  const runtimes = kinds.flatMap((kind): RuntimeFacts[] => {
    const program = findProgram(kind);
    if (program === undefined) return [];
    const config =
      kind === "containerd" ? containerdFiles(containerdConfig ?? CONTAINERD_CONFIG) : crioFiles([]);
    return [{ kind, program, version: versionOfProgram(program, kind), vantage: "here", config }];
  });
  return { runtimes, docker };
}

/** Where one sees what we see, those that do not are none of this host's: a container's, most likely. */
function findRunning({ processes, vantageOf, mayServeUs }: FindOptions): Candidate[] {
  const candidates = processes
    .filter(({ name, args }) => (name === "containerd" || name === "crio") && args.length > 0)
    .flatMap((process): Candidate[] => {
      const vantage = vantageOf(process.pid);
      return vantage === "stranger" ? [] : [{ process, vantage }];
    });
  const here = candidates.filter(({ vantage }) => vantage === "here");
  return here.length > 0 ? here : candidates.filter(({ process }) => mayServeUs(process.pid));
}

function isDockers({ parent, args }: Process, processes: readonly Process[]): boolean {
  const config = flagOf(args, "--config", "-c") ?? "";
  return (
    config.includes("/docker/") || processes.some(({ pid, name }) => pid === parent && name === "dockerd")
  );
}

function reads({ name, args }: Process, config: string): boolean {
  return (
    name === "containerd" &&
    realPath(flagOf(args, "--config", "-c") ?? CONTAINERD_CONFIG) === realPath(config)
  );
}

function ofProcess({ process, vantage }: Candidate, { toldVersion }: FindOptions): RuntimeFacts {
  const { pid, name, args, program = name, replaced, startedAtMs } = process;
  const kind = name === "containerd" ? "containerd" : "cri-o";
  const nri = flagOf(args, "--enable-nri");
  const hasFlag = args.some((word) => word.startsWith("--enable-nri"));
  const isHere = vantage === "here";
  return {
    kind,
    program,
    vantage,
    version: toldVersion(pid, kind) ?? (isHere && !replaced ? versionOfProgram(program, kind) : undefined),
    process: {
      pid,
      startedAtMs,
      unit: unitOf(pid),
      openFiles: openFilesOf(pid),
      nriFlag: hasFlag ? nri !== "false" : undefined,
    },
    config: isHere ? configOf(kind, args) : [],
  };
}

function configOf(kind: RuntimeKind, args: readonly string[]): TextFile[] {
  return kind === "containerd"
    ? containerdFiles(flagOf(args, "--config", "-c") ?? CONTAINERD_CONFIG)
    : crioFiles(args);
}

function findProgram(kind: RuntimeKind): string | undefined {
  const name = kind === "containerd" ? "containerd" : "crio";
  const folders = ["/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin", "/opt/bin"];
  return (
    Bun.which(name, { PATH: process.env["PATH"] ?? "" }) ??
    folders.map((folder) => join(folder, name)).find(existsSync)
  );
}

/** The file and what it imports, in the order in which they count. */
export function containerdFiles(path: string): TextFile[] {
  const files = new Map<string, TextFile>();
  const queue = [path];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (files.has(next) || files.size >= CONFIG_FILES_MAX) continue;
    const file = readTextFile(next);
    files.set(next, file);
    queue.push(...importsOf(file));
  }
  return [...files.values()];
}

function importsOf({ path, text = "" }: TextFile): string[] {
  try {
    const imports = TOML.parse(text)["imports"];
    if (!Array.isArray(imports)) return [];
    return imports.flatMap((pattern) => expand(resolve(dirname(path), String(pattern))));
  } catch {
    return []; // which is told of where it is parsed
  }
}

function expand(pattern: string): string[] {
  if (!/[*?[]/.test(pattern)) return [pattern];
  const folder = /^(?:[^*?[]*)\//.exec(pattern)?.[0] ?? "/";
  try {
    return [...new Glob(pattern.slice(folder.length)).scanSync({ cwd: folder, dot: true })]
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return []; // no such folder
  }
}

function crioFiles(args: readonly string[]): TextFile[] {
  const main = flagOf(args, "--config", "-c") ?? CRIO_CONFIG;
  const folder = flagOf(args, "--config-dir", "-d") ?? `${CRIO_CONFIG}.d`;
  let names: string[] = [];
  try {
    names = readdirSync(folder).sort();
  } catch {
    // no such folder
  }
  return [readTextFile(main), ...names.map((name) => readTextFile(join(folder, name)))];
}

/** 1:3, as everywhere in Linux: by it people say that there is no configuration. */
const NULL_DEVICE = 0x103;
/** More is no configuration. */
const TEXT_BYTES_MAX = 4 << 20;

/** Reads a text file; one that is not there is told of, too. What is no regular file is neither waited for nor read. */
export function readTextFile(path: string): TextFile {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    if (stats.isCharacterDevice() && stats.rdev === NULL_DEVICE) return { path, text: "" };
    if (!stats.isFile()) return { path, text: undefined, error: "no regular file" };
    if (stats.size > TEXT_BYTES_MAX) return { path, text: undefined, error: "too large" };
    return { path, text: readFileSync(fd, "utf8"), changedAtMs: stats.mtimeMs };
  } catch (error) {
    return { path, text: undefined, error: errorCode(error) ?? String(error) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
