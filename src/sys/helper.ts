import { constants, setPriority } from "node:os";

/** What a runtime tells its plugins by: a helper that saw it would take itself for one. */
const PLUGIN_VARIABLE = /^NRI_PLUGIN_/;

/**
 * Runs a command to its end that works for this program: without input, without what makes a plugin one, without our
 * open files, and when nobody else needs the processor. Resolves when its exit code is one of `good`. Rejects with the
 * last line that it wrote to stderr, or with how it ended, or when it cannot be started. Aborting `signal` ends it.
 */
export async function runHelper(
  command: readonly string[],
  signal: AbortSignal,
  good: readonly number[] = [0],
): Promise<void> {
  const env = Object.entries(process.env).filter(([name]) => !PLUGIN_VARIABLE.test(name));
  const child = Bun.spawn([...command], {
    env: Object.fromEntries(env),
    stdio: ["ignore", "ignore", "pipe"],
    signal,
  });
  setPriority(child.pid, constants.priority.PRIORITY_LOW);
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (child.signalCode === null && good.includes(code)) return;
  const last = said.trimEnd().split("\n").at(-1);
  throw new Error(last || `${command[0]} ended with ${child.signalCode ?? `exit code ${code}`}`);
}
