import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CONFIG_PATH, type Config, combineConfig, defaultConfig, parseConfig } from "../config.ts";

/** The flags of the commands that read results. */
export const resultFlags = {
  "persist-dir": {
    type: "string",
    valueHint: "DIR",
    description: `Folder of the results (the configuration's, else ${defaultConfig.persistDir})`,
  },
  json: { type: "boolean", description: "For programs" },
} as const;

/** Where the results are: what the user says, what the configuration says, the default. */
export function findPersistDir(flag: string | undefined, configPath = CONFIG_PATH): string {
  return flag === undefined ? readConfig(configPath).persistDir : resolve(flag);
}

/** Where a running plugin can be asked, found in the same way. */
export function findRunDir(flag: string | undefined, configPath = CONFIG_PATH): string {
  return flag === undefined ? readConfig(configPath).runDir : resolve(flag);
}

function readConfig(path: string): Config {
  try {
    // What is wrong with other keys is no matter here.
    return combineConfig(parseConfig(readFileSync(path, "utf8")).values, {});
  } catch {
    return defaultConfig; // no configuration, or not for us to read
  }
}
