import { readFileSync } from "node:fs";
import { NEEDED_CAPABILITIES } from "../sys/capabilities.ts";
import { type FailedStep, loadShim, type Shim } from "../sys/shim.ts";
import type { PluginSignals } from "./plugin-signals.ts";

/**
 * Goes on as the same process with the rights that a plugin needs and no others, and behind everybody else for CPU and
 * disk. That starts the program anew: called first, before anything is loaded that would have to be loaded again.
 * Where it fails the program goes on as it is, and says so: a node without lists is no safer. What was asked by a signal
 * meanwhile is asked again of the new start.
 */
export async function becomeLeast(signals: PluginSignals): Promise<void> {
  let shim: Shim;
  try {
    shim = loadShim();
  } catch {
    return; // the plugin itself will tell of it
  }
  const commandLine = readFileSync("/proc/self/cmdline", "latin1").split("\0").slice(0, -1);
  await new Promise(setImmediate); // a signal that has come is told in the next turn, which there may not be
  const failed = shim.becomeLeast(NEEDED_CAPABILITIES, commandLine, signals.kept);
  if (failed !== undefined) await tell(shim, failed);
}

async function tell(shim: Shim, { error }: FailedStep): Promise<void> {
  const { PluginLog } = await import("./log.ts");
  await using log = new PluginLog(shim);
  log.warn(`runs with more rights than it needs: ${error.message}`);
}
