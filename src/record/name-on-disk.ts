import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { contestedPath, otherName } from "./result-name.ts";
import { findRuns } from "./temporary.ts";

/** Which of a result's two names it has on disk: its own one, the other one, or as yet either. */
export type NameChoice = "own" | "other" | "either";

/**
 * Looks which name of a result the disk leaves: a list keeps the name that it has, and gives way to what was there first.
 * Never rejects: what cannot be looked at is for those to tell who write there.
 */
export async function lookUpName(directory: string, name: string): Promise<NameChoice> {
  const other = otherName(name);
  if (other === undefined) return "own";
  const paths = [name, other, contestedPath(name)].map((path) => join(directory, path));
  const [own, moved, contested] = await Promise.all(
    paths.map((path) => lstat(path).catch(() => undefined)), // it is not there, or not for us
  );
  if (own?.isFile()) return "own";
  if (moved?.isFile()) return "other";
  const isInTheWay =
    name === contestedPath(name)
      ? contested?.isDirectory()
      : contested?.isFile() || (await hasRuns(join(directory, contestedPath(name))));
  return isInTheWay ? "other" : "either";
}

/** A result that is not there yet, but will be: its runs wait to be merged. */
async function hasRuns(path: string): Promise<boolean> {
  return await findRuns(path).then(
    (runs) => runs.length > 0,
    () => false,
  );
}
