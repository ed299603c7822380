import { constants, setPriority } from "node:os";

/** What a runtime tells its plugins by: a helper that saw it would take itself for one. */
const PLUGIN_VARIABLE = /^NRI_PLUGIN_/;

/** What a helper may do besides ending with 0. */
export interface HelperOptions {
  /** Its exit codes that are no failure. */
  readonly good?: readonly number[];
  /** Descriptors that it gets, from 3 on. */
  readonly fds?: readonly number[];
}

/**
 * Runs a command to its end that works for this program: without input, without what makes a plugin one, without our
 * open files but for those it is given, and when nobody else needs the processor. Resolves when its exit code is a good
 * one. Rejects with the last line that it wrote to stderr, or with how it ended, or when it cannot be started. Aborting
 * `signal` ends it.
 */
export async function runHelper(
  command: readonly string[],
  signal: AbortSignal,
  { good = [0], fds = [] }: HelperOptions = {},
): Promise<void> {
  const env = Object.entries(process.env).filter(([name]) => !PLUGIN_VARIABLE.test(name));
  const child = Bun.spawn([...command], {
    env: Object.fromEntries(env),
    stdio: ["ignore", "ignore", "pipe", ...fds],
    signal,
  });
  setPriority(child.pid, constants.priority.PRIORITY_LOW);
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (child.signalCode === null && good.includes(code)) return;
  const last = said.trimEnd().split("\n").at(-1);
  throw new Error(last || `${command[0]} ended with ${child.signalCode ?? `exit code ${code}`}`);
}
