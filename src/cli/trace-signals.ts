import type { Stop } from "./stop.ts";
import type { Target } from "./trace-target.ts";

/**
 * The first Ctrl-C ends the trace; a terminal sends it to the command as well. A second one leaves at once. Other
 * signals are for the command, which ends the trace with it.
 */
export function onSignals({ held }: Target, stop: Stop): Disposable {
  let interrupts = 0;
  const interrupt = (): void => {
    if (++interrupts > 1) {
      process.removeAllListeners("SIGINT");
      process.kill(process.pid, "SIGINT");
    }
    stop.now("interrupted");
  };
  const passOn = (signal: NodeJS.Signals): void => {
    if (held === undefined) stop.now("interrupted");
    else held.kill(signal);
  };
  const passed = ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;
  process.on("SIGINT", interrupt);
  for (const signal of passed) process.on(signal, passOn);
  return {
    [Symbol.dispose]() {
      for (const signal of passed) process.off(signal, passOn);
      // SIGINT stays caught: a second one has to work while the list is being written.
    },
  };
}
