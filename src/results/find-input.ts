import { realpathSync, statSync } from "node:fs";
import { findName } from "./find-name.ts";
import { findResults, type StoredFile, type StoredResult } from "./find-results.ts";
import { findPersistDir } from "./persist-dir.ts";
import { readRecord } from "./summary.ts";

const ending = /\.(?:csv|json)$/;

/**
 * What a user means by a word: a list, or one of its companions, as a path; else the name of a result in the folder of
 * the results. Throws an Error with the cure when there is no such thing.
 */
export function findInput(word: string, persistDir: string | undefined): StoredResult {
  const list = ending.test(word) && storedFile(word) !== undefined ? word.replace(ending, "") : word;
  const result = resultAt(list);
  if (result.list !== undefined || result.csv !== undefined) return result;
  if (/^\.{0,2}\//.test(word)) throw new Error(`There is no list ${JSON.stringify(word)}`);
  return findName(word, findResults(findPersistDir(persistDir)), readRecord);
}

/** Companions lie beside the file that the name leads to, where merge writes them; else beside the name. */
function resultAt(path: string): StoredResult {
  const name = Buffer.from(path).toString("latin1");
  const list = storedFile(path);
  const own = list === undefined ? {} : companionsOf(list.path.toString());
  const hasOwn = own.csv !== undefined || own.json !== undefined;
  return { name, list, ...(hasOwn ? own : companionsOf(path)) };
}

function companionsOf(list: string): Pick<StoredResult, "csv" | "json"> {
  return { csv: storedFile(`${list}.csv`), json: storedFile(`${list}.json`) };
}

function storedFile(path: string): StoredFile | undefined {
  try {
    const real = realpathSync(path); // this path is the user's own: links are followed
    const stats = statSync(real);
    return stats.isFile()
      ? { path: Buffer.from(real), sizeBytes: stats.size, writtenAt: stats.mtime }
      : undefined;
  } catch {
    return undefined; // why it cannot be had matters to nobody when it was meant as a name
  }
}
