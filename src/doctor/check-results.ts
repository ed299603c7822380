import { formatBytes } from "../formats/csv.ts";
import { quote } from "./edit.ts";
import type { Facts, PersistDirFacts } from "./facts.ts";
import { type Finding, good, warning, wrong } from "./finding.ts";
import { configProblems, mendConfig } from "./mend-config.ts";

const FREE_BYTES_MIN = 16 << 20;
const FREE_BYTES_GOOD = 256 << 20;
/** Of a group, and of all. */
const OTHERS_WRITE = 0o022;

/** File systems whose content does not outlive the machine, or the container that has it as its root. */
const fleeting: Readonly<Record<string, string>> = {
  tmpfs: "memory: results are gone after a restart",
  ramfs: "memory: results are gone after a restart",
  overlayfs: "a container's own layer: results go with it",
};

/** Findings about the plugin's configuration; one for each problem. */
export function checkConfig({ config, configWanted }: Facts): Finding[] {
  const { path, text, error } = config;
  if (text === undefined) {
    if (error === "ENOENT" && !configWanted) return [good("config", `no ${path}: the defaults stand`)];
    return [wrong("config", `${path} cannot be read: ${error}`)];
  }
  const problems = configProblems(text);
  if (problems.length === 0) return [good("config", path)];
  const commands = mendConfig(path, text);
  return problems.map((problem, index) =>
    wrong("config", `${path}: ${problem}`, index === problems.length - 1 ? { commands } : undefined),
  );
}

/** Findings about the folder of the results. */
export function checkPersistDir({ persistDir, overwrite }: Facts): Finding[] {
  const { path, existing, fsType, freeBytes, uid, mode, writeError, linkError } = persistDir;
  const where = path === existing ? path : `${path} (to be made)`;
  const on = `${fsType}, ${formatBytes(freeBytes)} free`;
  if (writeError !== undefined) {
    return [
      wrong("persist_dir", `${where}: nothing can be written there: ${writeError}`, cureFor(persistDir)),
    ];
  }
  if (freeBytes < FREE_BYTES_MIN) {
    return [
      wrong("persist_dir", `${where} on ${on}: too little`, { advice: "make room, or set persist_dir" }),
    ];
  }
  if (linkError !== undefined && !overwrite) {
    return [
      wrong(
        "persist_dir",
        `${where} on ${fsType}: no hard links there (${linkError}), which overwrite = false needs`,
        {
          advice: "set overwrite = true, or persist_dir to another file system",
        },
      ),
    ];
  }
  if (path === existing && uid !== 0) {
    return [
      // It would have the right, if it did not give that up.
      wrong("persist_dir", `${where} belongs to user ${uid}: the plugin may not write there`, {
        commands: [`chown root ${quote(path)}`],
      }),
    ];
  }
  if (path === existing && (mode & OTHERS_WRITE) !== 0) {
    return [
      warning("persist_dir", `${where}: others than root can write there, and forge results`, {
        commands: [`chmod go-w ${quote(path)}`],
      }),
    ];
  }
  const loss = fleeting[fsType];
  if (loss !== undefined) return [warning("persist_dir", `${where} on ${on}, which is ${loss}`)];
  if (freeBytes < FREE_BYTES_GOOD) return [warning("persist_dir", `${where} on ${on}: that is not much`)];
  return [good("persist_dir", `${where} on ${on}`)];
}

function cureFor({ existing, writeError }: PersistDirFacts): { advice?: string; commands?: string[] } {
  if (writeError === "EROFS") return { advice: "set persist_dir to a folder on a writable file system" };
  if (writeError === "ENOTDIR") return { commands: [`mv ${quote(existing)} ${quote(`${existing}.old`)}`] };
  return { advice: "run as root, or set persist_dir to a folder that is yours" };
}
