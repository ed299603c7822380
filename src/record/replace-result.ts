import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ResultsFolder } from "./results-folder.ts";
import { stagingFor, type Temporary } from "./temporary.ts";

/**
 * Replaces the result at `path` by one that `make` writes: at the path it is given, with its companions, durable. When
 * `make` fails the result stays as it was.
 */
export async function replaceResult(path: string, make: (list: string) => Promise<void>): Promise<void> {
  const { folder, ...staged } = stagingFor(path);
  if (isHalfMoved(staged)) await moveIn(staged, path); // a program was killed right then
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  try {
    await make(staged.list);
    await moveIn(staged, path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The record comes last: with it the three belong together again. */
async function moveIn({ list, csv, json }: Temporary, path: string): Promise<void> {
  if (existsSync(list)) await rename(list, path);
  if (existsSync(csv)) await rename(csv, `${path}.csv`);
  await rename(json, `${path}.json`);
  await using folder = await ResultsFolder.find(dirname(path), "list");
  await folder?.sync();
}

function isHalfMoved({ list, json }: Temporary): boolean {
  return existsSync(json) && !existsSync(list);
}
