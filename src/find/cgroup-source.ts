import { containerOfCgroup } from "./cgroups.ts";
import type { KnownContainer } from "./container.ts";
import type { Look } from "./look.ts";

/**
 * Adds what the cgroups of all processes tell: a process to containers that seem to have none, and containers whose
 * runtime keeps its files where nobody can guess. Of those nothing is known but the id.
 */
export function addFromCgroups(
  { processes }: Look,
  known: readonly KnownContainer[],
): readonly KnownContainer[] {
  const runningIds = new Set(known.flatMap(({ id, pid }) => (pid === undefined ? [] : [id])));
  const firsts = new Map<string, KnownContainer & { pid: number; startTicks: number }>();
  for (const { pid, words } of processes.all) {
    if (words.length === 0) continue; // the kernel's own, or one that has ended
    const container = containerOfCgroup(processes.cgroups(pid));
    if (container === undefined || runningIds.has(container.id)) continue;
    const startTicks = processes.startTicks(pid);
    if (startTicks === undefined || !processes.isAlive(pid)) continue;
    const first = firsts.get(container.id);
    if (first !== undefined && first.startTicks <= startTicks) continue;
    firsts.set(container.id, {
      ...container,
      name: "",
      imageReference: "",
      isSandbox: false,
      pid,
      startTicks,
    });
  }
  const ids = new Set(known.map(({ id }) => id));
  const completed = known.map((each) => {
    const pid = each.pid ?? firsts.get(each.id)?.pid;
    return pid === undefined ? each : { ...each, pid };
  });
  const more = [...firsts.values()].filter(({ id }) => !ids.has(id));
  return [...completed, ...more.map(({ startTicks: _, ...container }) => container)];
}
