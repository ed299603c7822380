import { UsageError } from "./usage.ts";

/** What a command finds in its environment. */
export interface CommandEnvironment {
  /** Whether it has ours, or only what `variables` say. */
  readonly base: "inherited" | "clean";
  /** `NAME=VALUE`, or `NAME` for the value that we have; of several for one name the last counts. */
  readonly variables: readonly string[];
}

/** How it was asked for. */
export interface EnvironmentFlags {
  readonly rootfs: string | undefined;
  /** `--env`, each. */
  readonly env: readonly string[];
  readonly fromHost: boolean;
}

/**
 * What a runtime gives to a container whose image says nothing: variables of the host would have it open files that no
 * container opens. There is no TERM: runtimes set it with a terminal alone, and it too has files opened.
 */
const CONTAINER_VARIABLES = [
  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "HOME=/root",
];

/** The environment of a command: in an unpacked image a container's, on the host our own. Throws UsageError. */
export function commandEnvironment({ rootfs, env, fromHost }: EnvironmentFlags): CommandEnvironment {
  for (const each of env) {
    if (each === "" || each.startsWith("="))
      throw new UsageError(`--env must be NAME=VALUE or NAME, not "${each}"`);
  }
  if (rootfs !== undefined && !fromHost) {
    return { base: "clean", variables: [...CONTAINER_VARIABLES, ...env] };
  }
  if (fromHost && rootfs === undefined) {
    throw new UsageError(
      "--env-from-host goes with --rootfs; a command on the host has that environment anyway",
    );
  }
  return { base: "inherited", variables: env };
}
