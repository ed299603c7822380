const POLL_MS = 2;

/** Polls until `probe` gives something. Rejects with `what` did not come, after 5 seconds. */
export async function waitFor<T>(what: string, probe: () => T | undefined | false): Promise<T> {
  const deadlineMs = performance.now() + 5000;
  for (;;) {
    const value = probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadlineMs) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
