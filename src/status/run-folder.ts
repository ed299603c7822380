import { lstatSync, mkdirSync, readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../sys/errno.ts";
import { processStat } from "../sys/process-stat.ts";

const FOLDER_MODE = 0o700;
const OTHERS_WRITE = 0o022;
const SOCKET_NAME = /^([1-9]\d{0,9})\.sock$/;

/** Where a running plugin can be asked how it is. Plugins share a folder: each socket is named after its pid. */
export function socketPath(folder: string, pid: number): string {
  return join(folder, `${pid}.sock`);
}

/** Makes the folder, and takes away the sockets of plugins that are gone. Throws an Error with the cure. */
export function prepareRunFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  const obstacle = distrust(folder);
  if (obstacle !== undefined) throw new Error(obstacle);
  for (const pid of pidsIn(folder)) {
    if (processStat(pid) === undefined) remove(socketPath(folder, pid));
  }
}

/** The pids of the plugins that have a socket there; an Error's text when nobody should believe what answers there. */
export function findSockets(folder: string): readonly number[] | string {
  try {
    return distrust(folder) ?? pidsIn(folder);
  } catch (error) {
    const code = errorCode(error);
    return code === "ENOENT" ? [] : `Cannot look into ${folder}: ${code ?? error}`;
  }
}

/** Whoever can make files there could answer in a plugin's name. */
function distrust(folder: string): string | undefined {
  const stats = lstatSync(folder);
  if (!stats.isDirectory()) return `${folder} is no folder: remove it, or set run_dir to another one`;
  const own = process.geteuid?.();
  if (stats.uid !== 0 && stats.uid !== own)
    return `${folder} belongs to user ${stats.uid}: chown root ${folder}`;
  if ((stats.mode & OTHERS_WRITE) !== 0) return `${folder} can be written to by others: chmod go-w ${folder}`;
  return undefined;
}

function pidsIn(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => Number(SOCKET_NAME.exec(name)?.[1] ?? 0))
    .filter((pid) => pid > 0)
    .sort((a, b) => a - b);
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // another plugin was quicker
  }
}
