import type { Log } from "./log.ts";

/**
 * Lets this thread outlive a mistake of its own, which is logged: that of one event must not cost the other containers
 * their traces.
 */
export function outliveMistakes(log: Pick<Log, "error">): void {
  for (const kind of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(kind, (reason: unknown) =>
      log.error(`${kind}: ${reason instanceof Error ? reason.stack : reason}`),
    );
  }
}
