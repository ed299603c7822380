import { createHash, randomBytes } from "node:crypto";
import { readdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCode } from "../sys/errno.ts";

/** Nothing that begins so is ever taken for a result. */
const PREFIX = ".optimizer-";
/** Tells this process from others that record into the same folder: two of them must not meet. */
export const RECORDER = randomBytes(4).toString("hex");

/** In persist_dir, locked by the instance for as long as it lives. */
export function lockName(recorder: string): string {
  return `${PREFIX}${recorder}.lock`;
}

/** The files of a result under the names with which they begin, or stay until they are merged. */
export interface Temporary {
  /** As with a result the other two have a suffix behind its name. */
  readonly list: string;
  readonly csv: string;
  readonly json: string;
}

/** Names that no other container has, nor another instance of the program. */
export function temporaryNames(containerId: string): Temporary {
  return companions(`${PREFIX}${RECORDER}-${safe(containerId)}`);
}

/**
 * Names of a run that is to be merged into the result at `path`. They tell which result that is, and sort by time. No
 * second run has them: one of the same container may still wait.
 */
export function runNames(path: string, containerId: string, startedAt: Date): Temporary {
  return companions(`${runPrefix(path)}${startedAt.getTime()}-${RECORDER}-${safe(containerId)}`);
}

/** A container's id is the runtime's, and no path. */
function safe(containerId: string): string {
  return /^[A-Za-z0-9][\w.-]{0,127}$/.test(containerId) ? containerId : hash(containerId);
}

/**
 * The runs that have ended, which their record tells, and wait to be merged into the result at `path`: their paths. What
 * is a link is none.
 */
export async function findRuns(path: string): Promise<Temporary[]> {
  const prefix = runPrefix(path);
  const entries = await readdir(dirname(path), { withFileTypes: true }).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  const files = new Set(entries.filter((entry) => entry.isFile()).map(({ name }) => name));
  return [...files]
    .filter((name) => name.startsWith(prefix) && name.endsWith(".json"))
    .map((name) => companions(name.slice(0, -".json".length)))
    .filter(({ list }) => files.has(list))
    .sort((a, b) => (a.list < b.list ? -1 : 1))
    .map(({ list }) => companions(join(dirname(path), list)));
}

/** Which instance has made a temporary file, by its name; undefined when it is none, or a folder of a merge. */
export function recorderOf(name: string): string | undefined {
  return /^\.optimizer-(?:[0-9a-f]{16}-\d+-)?([0-9a-f]{8})[-.]/.exec(name)?.[1];
}

/** The name of a folder beside the result at `path` where another list is made that replaces it. */
export function stagingName(path: string): string {
  return `${runPrefix(path)}merged`;
}

/** The record goes first: without it nobody takes the rest for a run. */
export async function removeAll({ list, csv, json }: Temporary): Promise<void> {
  for (const path of [json, list, csv]) await unlink(path).catch(() => {});
}

/** The three files of a result by the name, or the path, of its list. */
export function companions(list: string): Temporary {
  return { list, csv: `${list}.csv`, json: `${list}.json` };
}

function runPrefix(path: string): string {
  return `${PREFIX}${hash(basename(path))}-`;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
