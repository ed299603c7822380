import { lstat, mkdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ResultsFolder } from "./results-folder.ts";
import { companions, stagingName } from "./temporary.ts";

/**
 * Replaces the result at `path` by one that `make` writes: at the path it is given, with its companions, durable. When
 * `make` fails the result stays as it was. A link at `path` is replaced, and not followed.
 */
export async function replaceResult(path: string, make: (list: string) => Promise<void>): Promise<void> {
  const name = stagingName(path);
  const staging = join(dirname(path), name);
  await using left = await enterStaging(path, name);
  if (left !== undefined && (await isHalfMoved(left))) await moveIn(left, path); // a program was killed right then
  await rm(staging, { recursive: true, force: true });
  await mkdir(staging);
  try {
    await using made = await enterStaging(path, name);
    if (made === undefined) throw new Error(`${staging} was taken away`);
    await make(listIn(made));
    await moveIn(made, path);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Not through a link: somebody else may have made the folder, where others can write. */
async function enterStaging(path: string, name: string): Promise<ResultsFolder | undefined> {
  await using folder = await ResultsFolder.find(dirname(path), ".");
  return await folder?.below(name);
}

function listIn(staging: ResultsFolder): string {
  return staging.at("list");
}

/** The record comes last: with it the three belong together again. */
async function moveIn(staging: ResultsFolder, path: string): Promise<void> {
  const [from, to] = [companions(listIn(staging)), companions(path)];
  if (await isFile(from.list)) await rename(from.list, to.list);
  if (await isFile(from.csv)) await rename(from.csv, to.csv);
  await rename(from.json, to.json);
  await using folder = await ResultsFolder.find(dirname(path), ".");
  await folder?.sync();
}

async function isHalfMoved(staging: ResultsFolder): Promise<boolean> {
  const { list, json } = companions(listIn(staging));
  return (await isFile(json)) && !(await isFile(list));
}

/** Whether a regular file is there; a link is none. */
export async function isFile(path: string): Promise<boolean> {
  return await lstat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
