/** What a runtime tells its plugins by: a helper that saw it would take itself for one. */
const PLUGIN_VARIABLE = /^NRI_PLUGIN_/;

/**
 * Runs a command to its end that works for this program: without input, without what makes a plugin one, and without
 * our open files. Rejects with what it said when it fails, is ended by a signal, or cannot be started. Aborting `signal`
 * ends it.
 */
export async function runHelper(command: readonly string[], signal: AbortSignal): Promise<void> {
  const env = Object.entries(process.env).filter(([name]) => !PLUGIN_VARIABLE.test(name));
  const child = Bun.spawn([...command], {
    env: Object.fromEntries(env),
    stdio: ["ignore", "ignore", "pipe"],
    signal,
  });
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  if (code === 0) return;
  throw new Error(said.trim() || `${command[0]} ended with ${child.signalCode ?? `exit code ${code}`}`);
}
