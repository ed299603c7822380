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
 * behind: no process, mount, cgroup or file. What a killed keeper left, the next run removes. Needs root. Returns the exit code, 130 when interrupted.
 */
export async function runSandboxed(
  command: readonly string[],
  options: SandboxOptions = {},
): Promise<number> {
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

/** The folder of the run that this process is in, and the cgroup for its containers. Throws outside of a sandbox. */
export function currentRun(): { folder: string; cgroup: string } {
  const { RIG_RUN: folder, RIG_CGROUP: cgroup } = process.env;
  if (folder === undefined || cgroup === undefined) {
    throw new Error("Cannot use the rig outside of a sandbox: start the tests with `bun scripts/rig/e2e.ts`");
  }
  return { folder, cgroup };
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const [id, command] = args[0] === "--id" ? [args[1], args.slice(2)] : [undefined, args];
  if (command.length === 0) {
    console.error("Usage: bun scripts/rig/sandbox.ts [--id ID] COMMAND …");
    return 2;
  }
  return runSandboxed(command, id === undefined ? {} : { id });
}
