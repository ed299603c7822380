import { cpus, loadavg, release, totalmem } from "node:os";
import { formatMiB } from "./table.ts";

/** The machine in a line. Load that others make is what figures suffer from most. */
export function describeMachine(): string {
  const all = cpus();
  const load = loadavg()[0]?.toFixed(1);
  return `${all.length} x ${all[0]?.model.trim()}, ${formatMiB(totalmem())}, Linux ${release()}; load at the start ${load}`;
}
