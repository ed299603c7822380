import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CONFIG_PATH, defaultConfig, parseConfig } from "../config.ts";

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
  if (flag !== undefined) return resolve(flag);
  try {
    // What is wrong with other keys is no matter here.
    return parseConfig(readFileSync(configPath, "utf8")).values.persistDir ?? defaultConfig.persistDir;
  } catch {
    return defaultConfig.persistDir; // no configuration, or not for us to read
  }
}
