import { chmodSync, lstatSync, mkdirSync, readdirSync, type Stats, unlinkSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../sys/errno.ts";
import { processStat } from "../sys/process-stat.ts";

/** A plugin's socket. */
export interface PluginSocket {
  readonly path: string;
  /** Of the plugin, in its own pid namespace. */
  readonly pid: number;
}

const FOLDER_MODE = 0o700;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** Of a process there is one with a pid and a time of its start, also among those of several pid namespaces. */
const SOCKET_NAME = /^([1-9]\d{0,9})-\d+\.sock$/;

/** Where this process can be asked how it is. Plugins share a folder. */
export function ownSocketPath(folder: string): string {
  return join(folder, `${process.pid}-${processStat(process.pid)?.startTime ?? 0}.sock`);
}

/**
 * Makes the folder, closes it to others, and takes away the sockets of plugins that are gone, as far as `isDead` says so of
 * them too. Rejects with an Error that has the cure.
 */
export async function prepareRunFolder(
  folder: string,
  isDead: (path: string) => Promise<boolean>,
): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  closeToOthers(folder);
  const obstacle = distrust(folder);
  if (obstacle !== undefined) throw new Error(obstacle);
  for (const { path, pid } of socketsIn(folder)) {
    // In another pid namespace it may live, and has no process here.
    if (processStat(pid) === undefined && (await isDead(path))) remove(path);
  }
}

/** The sockets that plugins have there; a text says why nobody should believe what answers there. */
export function findSockets(folder: string): readonly PluginSocket[] | string {
  try {
    return distrust(folder) ?? socketsIn(folder);
  } catch (error) {
    const code = errorCode(error);
    return code === "ENOENT" ? [] : `Cannot look into ${folder}: ${code ?? error}`;
  }
}

/** A volume of a pod is open to all when it is new. What else is in a folder tells that it is there for others, too. */
function closeToOthers(folder: string): void {
  const stats = lstatSync(folder);
  if (!stats.isDirectory() || !isOwn(stats) || (stats.mode & OTHERS_WRITE) === 0) return;
  const others = readdirSync(folder).filter((name) => !SOCKET_NAME.test(name));
  if ((stats.mode & STICKY) !== 0 || others.length > 0) return;
  chmodSync(folder, FOLDER_MODE);
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (!isOwn(lstatSync(path))) remove(path);
  }
}

/** Whoever can make files there could answer in a plugin's name. */
function distrust(folder: string): string | undefined {
  const stats = lstatSync(folder);
  if (!stats.isDirectory()) return `${folder} is no folder: remove it, or set run_dir to another one`;
  if (!isOwn(stats)) return `${folder} belongs to user ${stats.uid}: chown root ${folder}`;
  if ((stats.mode & OTHERS_WRITE) !== 0) return `${folder} can be written to by others: chmod go-w ${folder}`;
  return undefined;
}

function isOwn({ uid }: Stats): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function socketsIn(folder: string): PluginSocket[] {
  return readdirSync(folder)
    .map((name) => ({ path: join(folder, name), pid: Number(SOCKET_NAME.exec(name)?.[1] ?? 0) }))
    .filter(({ pid }) => pid > 0)
    .sort((a, b) => a.pid - b.pid);
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // another plugin was quicker
  }
}
