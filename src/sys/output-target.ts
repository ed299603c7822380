import { constants, type Stats } from "node:fs";
import { lstat, open, readFile, readlink, realpath, stat, statfs } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { errorCode } from "./errno.ts";
import { O_PATH } from "./open-flags.ts";

/** Where the bytes go that somebody wants in a file of that name. */
export type OutputTarget =
  /** A descriptor that this program was started with: `/dev/stdout`, `/dev/fd/3`. */
  | { readonly kind: "descriptor"; readonly fd: number; readonly path: string }
  /** A device, a FIFO, or another process's descriptor: there is nothing that could be replaced. */
  | { readonly kind: "stream"; readonly path: string }
  /** A regular file, or a free name, behind all links. `folder` leads to its folder. */
  | {
      readonly kind: "file";
      readonly folder: string;
      readonly name: string;
      /** What lies there. */
      readonly existing: Stats | undefined;
    };

/** A name that nothing can be written to. Its message has the cure. */
export class OutputError extends Error {
  override readonly name = "OutputError";

  constructor(
    path: string,
    readonly code: string,
    cure = cures[code],
    options?: ErrorOptions,
  ) {
    super(`Cannot write to ${path}: ${code}${cure === undefined ? "" : `: ${cure}`}`, options);
  }

  /** From what a function of `node:fs` threw. */
  static from(path: string, reason: unknown): OutputError {
    if (reason instanceof OutputError) return reason;
    return new OutputError(path, errorCode(reason) ?? String(reason), undefined, { cause: reason });
  }
}

const cures: Readonly<Record<string, string>> = {
  EACCES: "its folder or the file is closed to this user: choose another place, or run as root",
  EPERM: "the file may not be changed (lsattr tells): choose another one",
  EROFS: "the file system is read-only: choose another place",
  ENOTDIR: "a part of the path is no folder",
  ELOOP: "its symbolic links lead in a circle",
  ETXTBSY: "it is a program that runs: choose another name",
  ENAMETOOLONG: "choose a shorter name",
  EDQUOT: "the quota is used up",
  ENOSPC: "the disk is full",
};

/** As many as the kernel follows. */
const LINKS_MAX = 40;
const PROC_SUPER_MAGIC = 0x9fa0;

/**
 * Finds out what a name leads to that a user has chosen for an output, as a shell's `>` takes it: links are followed,
 * also to a file that is not there yet. Changes nothing. Rejects with OutputError.
 */
export async function findOutputTarget(path: string): Promise<OutputTarget> {
  try {
    if (path === "") throw new OutputError('""', "ENOENT", "name a file");
    if ((await look(path))?.isDirectory()) throw isFolder(path);
    const place = await followLinks(path);
    if (place.kind === "descriptor") await refuseUnwritable(path, place.fd);
    if (place.kind !== "place") return place;
    const { folder, name, existing } = place;
    if (existing?.isDirectory()) throw isFolder(path);
    if (existing?.isSocket()) throw new OutputError(path, "ENXIO", "it is a socket: name a file or a FIFO");
    if (existing !== undefined && !existing.isFile()) return { kind: "stream", path };
    return { kind: "file", folder, name, existing };
  } catch (error) {
    throw OutputError.from(path, error);
  }
}

/** The kernel goes there first: what it refuses is refused. What it finds may be another thing a moment later. */
async function look(path: string): Promise<Stats | undefined> {
  return await stat(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  });
}

type Place =
  | {
      readonly kind: "place";
      readonly folder: string;
      readonly name: string;
      readonly existing: Stats | undefined;
    }
  | { readonly kind: "descriptor"; readonly fd: number; readonly path: string }
  | { readonly kind: "stream"; readonly path: string };

async function followLinks(path: string): Promise<Place> {
  let at = path;
  for (let links = 0; links < LINKS_MAX; links++) {
    if (at.endsWith("/")) throw isFolder(path);
    const folder = dirname(at);
    const name = basename(at);
    const here = inFolder(folder, name);
    // The links of /proc lead to open files, whatever their text says.
    const isOwn = (await realFolder(path, folder)) === (await realpath("/proc/self/fd"));
    if (isOwn) return { kind: "descriptor", fd: Number(name), path: here };
    const { target, stats } = await lookAtLink(path, folder, name);
    if (target === undefined) return { kind: "place", folder, name, existing: stats };
    if ((await statfs(folder)).type === PROC_SUPER_MAGIC) return { kind: "stream", path: here };
    at = target.startsWith("/") ? target : inFolder(folder, target);
  }
  throw new OutputError(path, "ELOOP");
}

/**
 * What lies in a folder, and where it leads to if it is a link. The folder is held open, and the owner of a link comes
 * first: nobody else can replace it then.
 */
async function lookAtLink(
  path: string,
  folder: string,
  name: string,
): Promise<{ readonly target?: string; readonly stats: Stats | undefined }> {
  const opened = await open(folder, O_PATH | constants.O_DIRECTORY);
  try {
    const here = `/proc/self/fd/${opened.fd}/${name}`;
    const stats = await lstat(here).catch(notThere);
    if (!stats?.isSymbolicLink()) return { stats };
    if (isStrangers(stats, await opened.stat())) throw new OutputError(path, "EACCES", STRANGERS_LINK);
    return { target: await readlink(here), stats };
  } finally {
    await opened.close();
  }
}

const STRANGERS_LINK = "another user's link in a folder that all may write to: name the file that you mean";
const STICKY = 0o1000;
const ALL_MAY_WRITE = 0o002;

/** Whether somebody else has put it into a folder like /tmp. The kernel's rule for links there (fs.protected_symlinks). */
export function isStrangers({ uid }: Stats, folder: Stats): boolean {
  const isShared = (folder.mode & STICKY) !== 0 && (folder.mode & ALL_MAY_WRITE) !== 0;
  return isShared && uid !== process.geteuid?.() && uid !== folder.uid;
}

/** Not join(), which takes away `..`, and with it what a link before it leads to. */
export function inFolder(folder: string, name: string): string {
  return `${folder === "/" ? "" : folder}/${name}`;
}

async function realFolder(path: string, folder: string): Promise<string> {
  return await realpath(folder).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw error;
    throw new OutputError(path, "ENOENT", `make the folder first (mkdir -p ${folder})`);
  });
}

function notThere(error: unknown): undefined {
  if (errorCode(error) !== "ENOENT") throw error;
}

const ACCESS_MODE = 0o3;

/** One that is not open for writing, or is none of a file: of an epoll, say. */
async function refuseUnwritable(path: string, fd: number): Promise<void> {
  const info = await readFile(`/proc/self/fdinfo/${fd}`, "latin1").catch(() => "");
  const flags = Number.parseInt(/^flags:\s*(\d+)/m.exec(info)?.[1] ?? "0", 8);
  const stats = await stat(`/proc/self/fd/${fd}`).catch(() => undefined);
  const hasKind = stats !== undefined && (stats.mode & constants.S_IFMT) !== 0;
  if ((flags & ACCESS_MODE) === 0 || !hasKind) {
    throw new OutputError(path, "EBADF", "that descriptor is not open for writing");
  }
}

function isFolder(path: string): OutputError {
  return new OutputError(
    path,
    "EISDIR",
    `it is a folder: name a file in it (${path.replace(/\/+$/, "")}/list)`,
  );
}
