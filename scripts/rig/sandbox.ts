import { join } from "node:path";
import { ROOT } from "./paths.ts";

/** Options of `runSandboxed`. */
export interface SandboxOptions {
  /** Names the run's folder and cgroups; unique by default. */
  readonly id?: string;
  readonly env?: Record<string, string | undefined>;
}

/**
 * Runs a command in mount, pid, uts and ipc namespaces of its own, with an empty /run and a folder for its files whose
 * path is in the variable RIG_RUN. When it ends, when this process is interrupted and when it is killed, nothing stays
 * behind: no process, mount, cgroup or file. Needs root. Returns the exit code, 130 when interrupted.
 */
export async function runSandboxed(command: readonly string[], options: SandboxOptions = {}): Promise<number> {
  const keeper = Bun.spawn(
    [process.execPath, join(import.meta.dir, "keeper.ts"), options.id ?? newRunId(), ...command],
    {
      cwd: ROOT,
      env: { ...process.env, ...options.env },
      // The keeper cleans up when this pipe ends, be it by the death of this process.
      stdio: ["pipe", "inherit", "inherit"],
      detached: true,
    },
  );
  const cancel = () => void keeper.stdin.end();
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, cancel);
  try {
    return await keeper.exited;
  } finally {
    for (const signal of signals) process.off(signal, cancel);
  }
}

/** An id for a run: short, since it is part of paths. */
export function newRunId(): string {
  return `${process.pid}-${Date.now().toString(36)}`;
}

/** The folder and id of the run that this process is in. Throws outside of a sandbox. */
export function currentRun(): { folder: string; id: string } {
  const folder = process.env["RIG_RUN"];
  if (folder === undefined) {
    throw new Error("Cannot start a container runtime outside of a sandbox: use `bun scripts/rig/e2e.ts`");
  }
  return { folder, id: folder.slice(folder.lastIndexOf("/") + 1) };
}

if (import.meta.main) {
  const command = process.argv.slice(2);
  if (command.length === 0) {
    console.error("Usage: bun scripts/rig/sandbox.ts COMMAND …");
    process.exitCode = 2;
  } else {
    process.exitCode = await runSandboxed(command);
  }
}
