const POLL_MS = 10;

/** How long to wait, and for what: `what` completes the sentence "Waited N ms for …". */
export interface WaitOptions {
  readonly what: string;
  readonly timeoutMs?: number;
  /** Called once when time is up; what it returns is put after the message (a log's tail, say). */
  readonly explain?: () => string | Promise<string>;
}

/**
 * Polls `probe` until it returns something other than undefined and false, and returns that.
 * Rejects when time is up, with the last error of `probe`, if any, as the cause: a probe may throw until then.
 */
export async function waitFor<T>(
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const value = await probe();
      if (value !== undefined && value !== false) return value;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) {
      const details = (await options.explain?.()) ?? (cause instanceof Error ? cause.message : "");
      throw new Error(`Waited ${timeoutMs} ms for ${options.what}${details ? `: ${details}` : ""}`, {
        cause,
      });
    }
    await Bun.sleep(POLL_MS);
  }
}
