import { messageOf } from "../sys/errno.ts";

/** How much of the runtime's patience a handler may use. */
export interface ReplyLimits {
  /** Left of the deadline for the reply to travel. */
  readonly marginMs: number;
  /** The longest wait, whatever the deadline: all containers of the node wait with this one. */
  readonly ceilingMs: number;
}

/** How long a handler may run when the runtime goes away in `remainingMs`. Of a very short deadline it gets one half. */
export function replyBudgetMs(remainingMs: number, limits: ReplyLimits): number {
  const beforeDeadlineMs = remainingMs - Math.min(limits.marginMs, remainingMs / 2);
  return Math.max(0, Math.min(beforeDeadlineMs, limits.ceilingMs));
}

/** What `untilBudget()` runs, and for how long. */
export interface BudgetedRun {
  /** Names the work in reports, e.g. `StartContainer of "web"`. */
  readonly act: string;
  readonly budgetMs: number;
  /** Aborted when nobody waits for the result any more. */
  readonly signal: AbortSignal;
  /** `signal` is aborted when the budget is used up, too. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly onError: (message: string) => void;
}

/**
 * Runs something that must not hold up its caller. Resolves when it is done, when it failed, when `budgetMs` have passed
 * or when `signal` is aborted, whichever comes first; never rejects. Failure and lateness go to `onError`. Work that is
 * late goes on, with its signal aborted. Against work that blocks the thread nothing here helps: it must not.
 */
export async function untilBudget({ act, budgetMs, signal, run, onError }: BudgetedRun): Promise<void> {
  const late = new AbortController();
  const either = AbortSignal.any([signal, late.signal]);
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    const message = `${act} is not done after ${Math.round(budgetMs)} ms`;
    onError(`${message}: answered without waiting for it`);
    late.abort(new Error(message));
  }, budgetMs);
  const onAbort = (): void => over.resolve();
  either.addEventListener("abort", onAbort);
  if (either.aborted) over.resolve();
  const work = (async () => run(either))().catch((error: unknown) => {
    // Work that stops because it was told to has nothing to report.
    if (!either.aborted || error !== either.reason) onError(`${act} failed: ${messageOf(error)}`);
  });
  try {
    await Promise.race([work, over.promise]);
  } finally {
    clearTimeout(timer);
    either.removeEventListener("abort", onAbort);
  }
}
