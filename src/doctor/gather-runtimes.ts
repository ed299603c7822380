import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import TOML from "@iarna/toml";
import { Glob } from "bun";
import { errorCode } from "../sys/errno.ts";
import type { RuntimeFacts, RuntimeKind, TextFile } from "./facts.ts";
import { flagOf, openFilesOf, type Process, unitOf } from "./processes.ts";

const CONTAINERD_CONFIG = "/etc/containerd/config.toml";
const CRIO_CONFIG = "/etc/crio/crio.conf";
const VERSION_TIMEOUT_MS = 2000;
/** More than an imports line can mean. */
const CONFIG_FILES_MAX = 64;

/** The runtimes of this host; Docker's own containerd raises no NRI events and is left out. */
export interface FoundRuntimes {
  readonly runtimes: readonly RuntimeFacts[];
  readonly docker: boolean;
}

/** Finds those that run; else those that are installed. `containerdConfig` picks the one that reads it. */
export async function findRuntimes(
  processes: readonly Process[],
  containerdConfig: string | undefined,
): Promise<FoundRuntimes> {
  const running = processes.filter(
    ({ name, args }) => (name === "containerd" || name === "crio") && args.length > 0,
  );
  const docker = running.filter((each) => isDockers(each, processes));
  const own = running.filter((each) => !docker.includes(each));
  const wanted = containerdConfig === undefined ? own : own.filter((each) => reads(each, containerdConfig));
  if (wanted.length > 0) {
    return { runtimes: await Promise.all(wanted.map(ofProcess)), docker: docker.length > 0 };
  }
  const kinds: RuntimeKind[] = containerdConfig === undefined ? ["containerd", "cri-o"] : ["containerd"];
  const installed = kinds.flatMap((kind) => {
    const program = findProgram(kind);
    return program === undefined ? [] : [{ kind, program }];
  });
  const runtimes = installed.map(
    async ({ kind, program }): Promise<RuntimeFacts> => ({
      kind,
      program,
      version: await askVersion(program, program),
      config: kind === "containerd" ? containerdFiles(containerdConfig ?? CONTAINERD_CONFIG) : crioFiles([]),
    }),
  );
  return {
    runtimes: docker.length > 0 && containerdConfig === undefined ? [] : await Promise.all(runtimes),
    docker: docker.length > 0,
  };
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

async function ofProcess({ pid, name, args, program = name, startedAtMs }: Process): Promise<RuntimeFacts> {
  const kind = name === "containerd" ? "containerd" : "cri-o";
  const nri = flagOf(args, "--enable-nri");
  const hasFlag = args.some((word) => word.startsWith("--enable-nri"));
  return {
    kind,
    program,
    // Through /proc: it may be in another mount namespace, or replaced since.
    version: await askVersion(`/proc/${pid}/exe`, name),
    process: {
      pid,
      startedAtMs,
      unit: unitOf(pid),
      openFiles: openFilesOf(pid),
      nriFlag: hasFlag ? nri !== "false" : undefined,
    },
    config:
      kind === "containerd"
        ? containerdFiles(flagOf(args, "--config", "-c") ?? CONTAINERD_CONFIG)
        : crioFiles(args),
  };
}

/** The first number in what `--version` prints. It gets no input, two seconds, and then SIGKILL. */
async function askVersion(program: string, name: string): Promise<string | undefined> {
  try {
    const child = Bun.spawn([program, "--version"], {
      argv0: name, // k3s has one program for all, which goes by the name
      stdio: ["ignore", "pipe", "ignore"],
      timeout: VERSION_TIMEOUT_MS,
      killSignal: "SIGKILL",
    });
    const text = await Promise.race([new Response(child.stdout).text(), Bun.sleep(VERSION_TIMEOUT_MS)]);
    return /\bv?(\d+\.\d+(?:\.\d+)?)/.exec(text ?? "")?.[1];
  } catch {
    return undefined; // not executable, or gone
  }
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

/** Reads a text file; one that is not there is told of, too. */
export function readTextFile(path: string): TextFile {
  try {
    return { path, text: readFileSync(path, "utf8"), changedAtMs: statSync(path).mtimeMs };
  } catch (error) {
    return { path, text: undefined, error: errorCode(error) ?? String(error) };
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
