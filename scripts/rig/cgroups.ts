import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "./wait.ts";

/** The cgroup that a run's containers are put below. */
export function cgroupOf(runId: string): string {
  return `${parentCgroup()}/${runId}`;
}

/** A run that is started inside of another one has its cgroup below that one's. */
function parentCgroup(): string {
  return process.env["RIG_CGROUP"] ?? "/optimizer-rig";
}

/**
 * Removes a run's cgroups from every hierarchy, of version 1 and 2 alike. The run's processes must have been killed:
 * waits until the kernel has let go of the last one.
 */
export async function removeCgroups(runId: string): Promise<void> {
  for (const parent of parents()) {
    const folder = join(parent, runId);
    await waitFor(() => removeTree(folder), { what: `the cgroup ${folder} to be empty` });
    // Another run may have its groups here.
    removeEmpty(parent);
  }
}

/** The folders that a run's cgroups have at present. */
export function findCgroups(runId: string): string[] {
  return parents().flatMap((parent) => {
    const folder = join(parent, runId);
    return existsSync(folder) ? [folder] : [];
  });
}

function parents(): string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return mounts.flatMap((line) => {
    const [, mountPoint = "", type = ""] = line.split(" ");
    return /^cgroup2?$/.test(type) ? [join(mountPoint, parentCgroup())] : [];
  });
}

/** A cgroup's folder goes by rmdir alone, once its children are gone; its files are not files. */
function removeTree(folder: string): boolean {
  if (!existsSync(folder)) return true;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  }
  return removeEmpty(folder);
}

function removeEmpty(folder: string): boolean {
  try {
    rmdirSync(folder);
  } catch {
    // In use, or not there: the caller looks again.
  }
  return !existsSync(folder);
}
