import { lstatSync, realpathSync } from "node:fs";
import { findName } from "./find-name.ts";
import { findResults, type StoredFile, type StoredResult } from "./find-results.ts";
import { findPersistDir } from "./persist-dir.ts";
import { readRecord } from "./summary.ts";

/** A path that a user types is the user's own; one that was found in a folder of results may be a trap. */
export type LinkPolicy = "follow" | "refuse";

const ending = /\.(?:csv|json)$/;

/**
 * What a user means by a word: a list, or one of its companions, as a path; else the name of a result in the folder of
 * the results. Throws an Error with the cure when there is no such thing.
 */
export function findInput(
  word: string,
  persistDir: string | undefined,
  links: LinkPolicy = "follow",
): StoredResult {
  const isCompanion = ending.test(word) && storedFile(word, links) !== undefined;
  const list = isCompanion ? word.replace(ending, "") : word;
  const result = resultAt(list, links);
  if (result.list !== undefined || result.csv !== undefined) return result;
  if (/^\.{0,2}\//.test(word)) throw new Error(`There is no list ${JSON.stringify(word)}`);
  return findName(word, findResults(findPersistDir(persistDir)), readRecord);
}

/** Companions lie beside the file that the name leads to, where merge writes them; else beside the name. */
function resultAt(path: string, links: LinkPolicy): StoredResult {
  const name = Buffer.from(path).toString("latin1");
  const list = storedFile(path, links);
  const own = list === undefined ? {} : companionsOf(list.path.toString(), links);
  const hasOwn = own.csv !== undefined || own.json !== undefined;
  return { name, list, ...(hasOwn ? own : companionsOf(path, links)) };
}

function companionsOf(list: string, links: LinkPolicy): Pick<StoredResult, "csv" | "json"> {
  return { csv: storedFile(`${list}.csv`, links), json: storedFile(`${list}.json`, links) };
}

function storedFile(path: string, links: LinkPolicy): StoredFile | undefined {
  try {
    const real = links === "follow" ? realpathSync(path) : path;
    const stats = lstatSync(real);
    return stats.isFile()
      ? { path: Buffer.from(real), sizeBytes: stats.size, writtenAt: stats.mtime }
      : undefined;
  } catch {
    return undefined; // why it cannot be had matters to nobody when it was meant as a name
  }
}
