import { type Dirent, lstatSync, readdirSync } from "node:fs";
import { errorCode } from "../sys/errno.ts";

/** One file of a result. */
export interface StoredFile {
  /** As `node:fs` takes it. */
  readonly path: Buffer;
  readonly sizeBytes: number;
  readonly writtenAt: Date;
}

/** A result as it lies on disk: at least one of its three files is there. */
export interface StoredResult {
  /** Below the folder, latin1: `ghcr.io/org/app:1`. */
  readonly name: string;
  readonly list?: StoredFile | undefined;
  readonly csv?: StoredFile | undefined;
  readonly json?: StoredFile | undefined;
}

/** No reference has so many parts: what lies deeper was not put there by us. */
const DEPTH_MAX = 64;
/** Ours begin so, and no name of an image does. */
const TEMPORARY = /^\./;

/**
 * All results below a folder, sorted by name. Only regular files count, and no link is followed: names
 * and files there are not to be trusted. Throws an Error with the cure when there is no such folder.
 */
export function findResults(directory: string): StoredResult[] {
  const results = new Map<string, StoredResult>();
  try {
    collect(Buffer.from(directory), "", results, 0);
  } catch (error) {
    throw new Error(describeFailure(directory, errorCode(error)), { cause: error });
  }
  return [...results.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function describeFailure(directory: string, code: string | undefined): string {
  if (code === "ENOENT") {
    return `No results: ${directory} does not exist; --persist-dir names another folder, optimizer doctor checks the plugin`;
  }
  const cure = code === "EACCES" ? "run as root" : "--persist-dir names another folder";
  return `Cannot read ${directory}: ${code}; ${cure}`;
}

function collect(folder: Buffer, prefix: string, results: Map<string, StoredResult>, depth: number): void {
  for (const entry of readdirSync(folder, { encoding: "latin1", withFileTypes: true }) as Dirent[]) {
    if (TEMPORARY.test(entry.name)) continue;
    const path = Buffer.concat([folder, Buffer.from(`/${entry.name}`, "latin1")]);
    if (entry.isDirectory() && depth < DEPTH_MAX) {
      try {
        collect(path, `${prefix}${entry.name}/`, results, depth + 1);
      } catch {
        // Another user's, or gone since: the others are worth to be shown.
      }
    } else if (entry.isFile()) {
      add(path, prefix + entry.name, results);
    }
  }
}

function add(path: Buffer, fileName: string, results: Map<string, StoredResult>): void {
  const [, ending] = /\.(csv|json)$/.exec(fileName) ?? [];
  const name = ending === undefined ? fileName : fileName.slice(0, -ending.length - 1);
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return; // replaced at this moment
  const file = { path, sizeBytes: stats.size, writtenAt: stats.mtime };
  results.set(name, { ...results.get(name), name, [ending ?? "list"]: file });
}
