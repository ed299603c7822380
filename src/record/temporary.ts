import { createHash } from "node:crypto";
import { readdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCode } from "../sys/errno.ts";

/** Nothing that begins so is ever taken for a result. */
const PREFIX = ".optimizer-";
const ID_CHARS_MAX = 128;

/** The files of a result under the names with which they begin, or stay until they are merged. */
export interface Temporary {
  /** As with a result the other two have a suffix behind its name. */
  readonly list: string;
  readonly csv: string;
  readonly json: string;
}

/** Names beside the final path that no other container has. */
export function temporaryFor(path: string, containerId: string): Temporary {
  return companions(join(dirname(path), PREFIX + idPart(containerId)));
}

/**
 * Names of a run that is to be merged into the result at `path`. They tell which result that is, and sort by time. No
 * second run has them: one of the same container may still wait.
 */
export function runFor(path: string, containerId: string, startedAt: Date): Temporary {
  return companions(join(dirname(path), `${runPrefix(path)}${startedAt.getTime()}-${idPart(containerId)}`));
}

/** The runs that have ended, which their record tells, and wait to be merged into the result at `path`. */
export async function findRuns(path: string): Promise<Temporary[]> {
  const prefix = runPrefix(path);
  const names = await readdir(dirname(path)).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  });
  return names
    .filter((name) => name.startsWith(prefix) && name.endsWith(".json"))
    .sort()
    .map((name) => companions(join(dirname(path), name.slice(0, -".json".length))));
}

/** A folder beside the result at `path` where another is made that replaces it. */
export function stagingFor(path: string): Temporary & { readonly folder: string } {
  const folder = join(dirname(path), `${runPrefix(path)}merged`);
  return { folder, ...companions(join(folder, "list")) };
}

/** The record goes first: without it nobody takes the rest for a run. */
export async function removeTemporary({ list, csv, json }: Temporary): Promise<void> {
  for (const path of [json, list, csv]) await unlink(path).catch(() => {});
}

function companions(list: string): Temporary {
  return { list, csv: `${list}.csv`, json: `${list}.json` };
}

/** Runtimes give ids of letters and digits. What is none must not lead out of the folder. */
function idPart(containerId: string): string {
  return containerId.replace(/[^A-Za-z0-9_.-]/g, "_").slice(0, ID_CHARS_MAX);
}

function runPrefix(path: string): string {
  const hash = createHash("sha256").update(basename(path)).digest("hex").slice(0, 16);
  return `${PREFIX}${hash}-`;
}
