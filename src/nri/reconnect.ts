import type { EndReason } from "./plugin.ts";

/** How long to wait between attempts. */
export interface BackoffLimits {
  readonly firstMs: number;
  readonly maxMs: number;
}

const LIMITS: BackoffLimits = { firstMs: 250, maxMs: 3000 };

/**
 * Endless waits that double up to the limit, each cut by up to a half by `random` (0 to 1): the plugins of many nodes,
 * or several on one, shall not come back in step.
 */
export function* backoff(random: () => number, limits: BackoffLimits = LIMITS): Generator<number, never> {
  for (let waitMs = limits.firstMs; ; waitMs = Math.min(waitMs * 2, limits.maxMs)) {
    yield Math.min(waitMs, limits.maxMs) * (1 - random() / 2);
  }
}

/** What `keepConnected()` needs from the world. */
export interface ReconnectOptions {
  /** One connection, from its opening to its end. */
  readonly connect: () => Promise<EndReason>;
  /** Resolves after the time; may be early when the signal is aborted. */
  readonly sleep: (waitMs: number, signal: AbortSignal | undefined) => Promise<void>;
  /** `Math.random`, or what a test puts there. */
  readonly random: () => number;
  readonly limits?: BackoffLimits;
  readonly signal?: AbortSignal;
  /** Told before each wait, for the log. */
  readonly onRetry?: (end: EndReason, waitMs: number) => void;
}

/**
 * Keeps an external plugin connected over restarts of the runtime, which itself never calls back. Resolves with the end
 * that is final: we were stopped, or the runtime refused us, which asking again does not change. Waits grow from
 * failure to failure and start anew after a connection that was configured.
 */
export async function keepConnected(options: ReconnectOptions): Promise<EndReason> {
  const { connect, sleep, random, limits, signal, onRetry } = options;
  let waits = backoff(random, limits);
  for (;;) {
    const end = await connect();
    if (end.kind === "stopped" || end.kind === "refused") return end;
    if (end.configured) waits = backoff(random, limits);
    const waitMs = waits.next().value;
    if (!signal?.aborted) {
      onRetry?.(end, waitMs);
      await sleep(waitMs, signal);
    }
    if (signal?.aborted) return { kind: "stopped", configured: end.configured };
  }
}
