const POLL_MS = 2;
/** Long: what runs at the lowest priority, as merges do, takes its time on a busy machine. */
const TIMEOUT_MS = 30_000;

/** Polls until `probe` gives something. Rejects with `what` did not come, after 30 seconds. */
export async function waitFor<T>(what: string, probe: () => T | undefined | false): Promise<T> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  for (;;) {
    const value = probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadlineMs) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
