import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { join } from "node:path";
import type { Answer } from "../status/ask.ts";
import type { PluginEntry, PluginProcess } from "./facts.ts";
import { type Process, rightsOf } from "./processes.ts";

const COMPARE_BYTES = 1 << 20;

/** What lies in the folder of plugins; undefined when it cannot be read. `program` is this one, when it is built. */
export function readPluginFolder(folder: string, program: string | undefined): PluginEntry[] | undefined {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch {
    return undefined;
  }
  return names.flatMap((name) => {
    const path = join(folder, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats === undefined ? [] : [describeEntry(name, path, stats, program)];
  });
}

function describeEntry(name: string, path: string, stats: Stats, program: string | undefined): PluginEntry {
  const kind = kindOf(stats);
  return {
    name,
    kind,
    executable: kind === "link" || (stats.mode & 0o111) !== 0,
    target: kind === "link" ? targetOf(path) : undefined,
    same: compare(path, program),
    // A rename keeps the time of the content: that of the inode tells of the installation.
    changedAtMs: Math.max(stats.mtimeMs, stats.ctimeMs),
  };
}

function kindOf(stats: Stats): PluginEntry["kind"] {
  if (stats.isSymbolicLink()) return "link";
  if (stats.isDirectory()) return "directory";
  return stats.isFile() ? "file" : "other";
}

function targetOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined; // it leads nowhere
  }
}

function compare(path: string, program: string | undefined): PluginEntry["same"] {
  if (program === undefined) return "unknown";
  try {
    const [its, ours] = [statSync(path), statSync(program)];
    if (its.dev === ours.dev && its.ino === ours.ino) return "same";
    return its.isFile() && its.size === ours.size && haveSameContent(path, program) ? "same" : "other";
  } catch {
    return "other";
  }
}

function haveSameContent(a: string, b: string): boolean {
  const fds = [openSync(a, "r"), openSync(b, "r")] as const;
  const buffers = [Buffer.alloc(COMPARE_BYTES), Buffer.alloc(COMPARE_BYTES)] as const;
  try {
    for (;;) {
      const [read, other] = [readSync(fds[0], buffers[0]), readSync(fds[1], buffers[1])];
      if (read !== other || !buffers[0].subarray(0, read).equals(buffers[1].subarray(0, read))) return false;
      if (read === 0) return true;
    }
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

/** The plugins that a runtime has started out of that folder and that are this program. */
export function childrenOf(
  runtimePid: number | undefined,
  folder: string,
  ours: readonly string[],
  processes: readonly Process[],
): PluginProcess[] {
  const paths = ours.map((name) => targetOf(join(folder, name)) ?? join(folder, name));
  return processes
    .filter(
      ({ parent, program }) => parent === runtimePid && program !== undefined && paths.includes(program),
    )
    .map(({ pid, parent, replaced }) => ({
      pid,
      parent,
      launch: "pre-launched",
      replaced,
      rights: rightsOf(pid),
    }));
}

/**
 * Those that somebody else has started: `optimizer plugin`. Any process may call itself so: only root's count, those that
 * are `here`, or those that are `elsewhere` and may be a pod's.
 */
export function findExternal(
  processes: readonly Process[],
  ownPid: number,
  isWanted: (pid: number) => boolean,
): PluginProcess[] {
  return processes
    .filter(({ pid, args, program }) => pid !== ownPid && program !== undefined && isExternal(args))
    .filter(({ pid }) => isWanted(pid))
    .map(({ pid, parent, replaced }) => ({
      pid,
      parent,
      launch: "external",
      replaced,
      rights: rightsOf(pid),
    }));
}

/** Joins the plugins that were found among the processes with those that have a socket. */
export function addAnswers(plugins: readonly PluginProcess[], answers: readonly Answer[]): PluginProcess[] {
  const found = new Set(plugins.map(({ pid }) => pid));
  const others = answers.filter(({ pid }) => !found.has(pid));
  return [
    ...plugins.map((plugin) => ({ ...plugin, answer: answers.find(({ pid }) => pid === plugin.pid) })),
    ...others.map(
      (answer): PluginProcess => ({
        pid: answer.pid,
        parent: 0,
        launch:
          answer.kind === "answered" && answer.status.launch === "pre-launched" ? "pre-launched" : "external",
        replaced: false,
        // 0: it is in another pid namespace, where numbers mean other processes.
        rights: answer.pid === 0 ? undefined : rightsOf(answer.pid),
        answer,
      }),
    ),
  ];
}

/** `optimizer plugin …`, or from the source: `bun …/main.ts plugin …`. */
function isExternal([first = "", second = "", third]: readonly string[]): boolean {
  if (/(?:^|\/)optimizer$/.test(first)) return second === "plugin";
  return /(?:^|\/)bun$/.test(first) && second.endsWith("/src/main.ts") && third === "plugin";
}
