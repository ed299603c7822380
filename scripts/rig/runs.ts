import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { removeCgroups } from "./cgroups.ts";
import { CACHE } from "./paths.ts";

const KEEPER = "keeper";

/** A run is known by its folder; its id also names its cgroups. */
export function runFolder(id: string): string {
  return join(runsFolder(), id);
}

/** A run that is started inside of another one lies inside of that one's folder, and goes with it. */
function runsFolder(): string {
  return join(process.env["RIG_RUN"] ?? CACHE, "run");
}

/** Makes the folder of a run, which belongs to this process: when it is gone, anybody may remove the run. */
export async function createRun(id: string): Promise<string> {
  const folder = runFolder(id);
  await mkdir(join(folder, "tmp"), { recursive: true });
  await Bun.write(join(folder, KEEPER), identity(process.pid) ?? "");
  return folder;
}

/** Removes a run's cgroups and its folder. Its processes must be gone. */
export async function removeRun(id: string): Promise<void> {
  await removeCgroups(id);
  await rm(runFolder(id), { recursive: true, force: true });
}

/** Removes what runs left whose keeper was killed before it could. Returns their ids. */
export async function removeStaleRuns(): Promise<string[]> {
  const stale = listRuns().filter((id) => !isKept(id));
  for (const id of stale) await removeRun(id);
  return stale;
}

function listRuns(): string[] {
  try {
    return readdirSync(runsFolder());
  } catch {
    return [];
  }
}

function isKept(id: string): boolean {
  try {
    const owner = readFileSync(join(runFolder(id), KEEPER), "utf8");
    const [namespace, pid] = owner.split(" ");
    // Of a keeper in another pid namespace nothing can be said: let it be.
    return namespace !== pidNamespace() || identity(Number(pid)) === owner;
  } catch {
    return false; // killed before it could write who it was
  }
}

/** Who a process is: its pid alone comes again. Undefined when there is no such process. */
function identity(pid: number): string | undefined {
  try {
    // The command's name, in parentheses, may hold blanks; the start time is field 22, 20 after it.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : `${pidNamespace()} ${pid} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

function pidNamespace(): string {
  return readlinkSync("/proc/self/ns/pid");
}
