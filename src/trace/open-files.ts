import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from "node:fs";
import { deepestMount } from "./mountinfo.ts";
import { readMounts } from "./process-mounts.ts";
import { DELETED_SUFFIX } from "./records.ts";
import type { FileOpen } from "./trace.ts";

/**
 * What the processes of a container have open or mapped right now: no event tells of it any more.
 * In the order of the processes' age; of each its program, then its mappings, then its descriptors.
 * Only what lies on the root mount; `belongs` chooses among the processes with that root. Processes that end meanwhile are passed over.
 */
export function* openFiles(pid: number, belongs: (pid: number) => boolean = () => true): Generator<FileOpen> {
  const mounts = readMounts(pid);
  const seen = new Set<string>();
  for (const process of processesLike(pid).filter(belongs)) {
    for (const path of pathsOf(process)) {
      if (seen.has(path) || deepestMount(mounts, path)?.mountPoint !== "/") continue;
      seen.add(path);
      const file = describe(process, path);
      if (file !== undefined) yield file;
    }
  }
}

/** The processes that share the root and the mount namespace of `pid`, itself first. */
function processesLike(pid: number): number[] {
  const namespace = link(`/proc/${pid}/ns/mnt`);
  const root = stat(`/proc/${pid}/root`);
  const others = readdirSync("/proc")
    .map(Number)
    .filter((other) => other > 0 && other !== pid && link(`/proc/${other}/ns/mnt`) === namespace)
    .filter((other) => {
      const theirs = stat(`/proc/${other}/root`);
      return theirs?.ino === root?.ino && theirs?.dev === root?.dev;
    });
  return [pid, ...others.sort((a, b) => a - b)];
}

function* pathsOf(pid: number): Generator<string> {
  yield* path(link(`/proc/${pid}/exe`));
  for (const line of text(`/proc/${pid}/maps`).split("\n")) {
    // 7f…-7f… r-xp 00001000 fe:00 1234   /usr/lib/…; newlines in names are printed as \012
    const name = /^\S+ \S+ \S+ \S+ \d+ +(\/.*)$/.exec(line)?.[1];
    yield* path(name?.replaceAll("\\012", "\n"));
  }
  for (const fd of list(`/proc/${pid}/fd`)) yield* path(link(`/proc/${pid}/fd/${fd}`));
}

/** `pipe:[123]`, `anon_inode:…` and the like are no paths. */
function* path(name: string | undefined): Generator<string> {
  if (name?.startsWith("/")) yield name;
}

function describe(pid: number, path: string): FileOpen | undefined {
  const stats = stat(`/proc/${pid}/root${path}`);
  const deleted = stats === undefined && path.endsWith(DELETED_SUFFIX);
  if (stats === undefined && !deleted) return undefined;
  return {
    path: deleted ? path.slice(0, -DELETED_SUFFIX.length) : path,
    sizeBytes: stats?.size ?? 0,
    elapsedUs: 0,
    mode: stats?.mode ?? REGULAR_FILE,
    deleted,
    inode: stats?.ino ?? 0,
    isNew: false,
    exec: false,
    pid,
    before: true,
  };
}

/** What is open and has no name any more is taken for a file: there is nothing left to ask. */
const REGULAR_FILE = 0o100000;

function stat(path: string): Stats | undefined {
  try {
    return statSync(Buffer.from(path, "latin1"), { throwIfNoEntry: false });
  } catch {
    return undefined; // gone, or in a folder that is gone
  }
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path, { encoding: "latin1" });
  } catch {
    return undefined;
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path).sort((a, b) => Number(a) - Number(b));
  } catch {
    return [];
  }
}
