import { lstat } from "node:fs/promises";
import { basename } from "node:path";
import { errorCode, SyscallError } from "../sys/errno.ts";
import { readOwnState } from "./own-record.ts";
import { ResultsFolder } from "./results-folder.ts";

/**
 * What there is of an older list: nothing; one that is to be counted on; or one that its record says has holes, or that
 * whoever recorded it never completed.
 */
export type Standing = "none" | "whole" | "broken";

/** Looks for the list of that name. Rejects with SyscallError when the folder cannot be read. */
export async function findStanding({
  directory,
  name,
}: {
  readonly directory: string;
  readonly name: string;
}): Promise<Standing> {
  try {
    await using folder = await ResultsFolder.find(directory, name);
    if (folder === undefined) return "none";
    const list = await lstat(folder.at(basename(name))).catch(absent);
    if (list === undefined) return "none";
    return (await isBroken(folder.at(`${basename(name)}.json`))) ? "broken" : "whole";
  } catch (error) {
    throw SyscallError.from(`look for ${directory}/${name}`, error);
  }
}

function absent(error: unknown): undefined {
  if (errorCode(error) !== "ENOENT") throw error;
}

/** Only what a record says itself: a list may have been put there by hand, with no record or another one. */
async function isBroken(path: string): Promise<boolean> {
  const record = await readOwnState(path);
  return record?.state === "recording" || record?.complete === false;
}
