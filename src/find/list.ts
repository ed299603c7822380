import { addFromCgroups } from "./cgroup-source.ts";
import { lookAtConmon } from "./conmon-source.ts";
import { type FoundContainer, type KnownContainer, running } from "./container.ts";
import { lookAtContainerd } from "./containerd-source.ts";
import { lookAtDocker } from "./docker-source.ts";
import { Host, type HostOptions } from "./host.ts";
import type { Look } from "./look.ts";
import { lookAtOciRuntimes } from "./oci-source.ts";
import { Processes } from "./processes.ts";

/** All containers of a host. */
export interface ContainerList {
  readonly containers: readonly FoundContainer[];
  /** Those that are on disk and have no process. */
  readonly stopped: readonly KnownContainer[];
  /** Where it looked, for a message. */
  readonly looked: readonly string[];
}

/** Lists the containers of all runtimes, from their files, from /proc and from cgroups. Never rejects. */
export async function listContainers(options: HostOptions = {}): Promise<ContainerList> {
  const host = new Host(options);
  const processes = Processes.scan(host);
  const look: Look = { host, processes, stopped: "include", isSettled: () => false };
  const { containers, looked } = lookAround(look);
  const known = addFromCgroups(look, containers);
  return {
    containers: known.flatMap((each) => running(each) ?? []),
    stopped: known.filter(({ pid }) => pid === undefined),
    looked: [
      ...new Set(looked),
      `the command lines and cgroups of ${processes.all.length} processes`,
      ...(host.denied > 0 ? [`${host.denied} places could not be read: run as root`] : []),
    ],
  };
}

/** Asks every runtime. A container that several tell of is there once, as the first of them has it. */
export function lookAround(look: Look): { containers: KnownContainer[]; looked: string[] } {
  const findings = [lookAtContainerd, lookAtConmon, lookAtOciRuntimes, lookAtDocker].map((ask) => ask(look));
  const all = findings.flatMap(({ containers }) => containers);
  const pids = new Set<number>();
  const ids = new Set<string>();
  const identity = ({ namespace = "", id }: KnownContainer) => `${namespace}/${id}`;
  const live = all.filter((each) => {
    if (each.pid === undefined || pids.has(each.pid)) return false;
    pids.add(each.pid);
    ids.add(identity(each));
    // Docker's own record of one names no namespace.
    ids.add(identity({ ...each, namespace: "" }));
    return true;
  });
  const ended = all.filter((each) => {
    if (each.pid !== undefined || ids.has(identity(each))) return false;
    ids.add(identity(each));
    return true;
  });
  return { containers: [...live, ...ended], looked: findings.flatMap(({ looked }) => looked) };
}
