import type { Stop } from "./stop.ts";
import type { Target } from "./trace-target.ts";

const passed = ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const;

/**
 * The first Ctrl-C ends the trace; a terminal sends it to the command as well. A second one leaves at once. Other
 * signals are for the command, which ends the trace with it. When the trace is over, any of them kills a command that
 * goes on, so that nothing more is waited for: the list is written all the same, unless the same signal comes again.
 * They stay caught to the end of the program, or the list would be lost while it is being written.
 */
export function onSignals({ held }: Target, stop: Stop): void {
  const heard = new Set<NodeJS.Signals>();
  const end = (signal: NodeJS.Signals): void => {
    if (stop.isReached) held?.kill("SIGKILL");
    if (heard.has(signal)) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
    heard.add(signal);
    stop.now("interrupted");
  };
  const passOn = (signal: NodeJS.Signals): void => {
    if (held === undefined || stop.isReached) end(signal);
    else held.kill(signal);
  };
  process.on("SIGINT", end);
  for (const signal of passed) process.on(signal, passOn);
}
