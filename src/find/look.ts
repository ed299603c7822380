import type { KnownContainer } from "./container.ts";
import type { Host } from "./host.ts";
import type { Processes } from "./processes.ts";

/** One look at a host, for one of its runtimes. */
export interface Look {
  readonly host: Host;
  readonly processes: Processes;
  /** Whether containers that have no process are looked for, too. */
  readonly stopped: "include" | "leave out";
  /** A container that was looked at before, and need not be again. */
  readonly isSettled: (key: string) => boolean;
}

/** Tells containers apart whose runtime's files lie in one folder: ids of `ctr` are names, and come again. */
export function settledKey({
  runtime,
  namespace = "",
  id,
}: Pick<KnownContainer, "runtime" | "namespace" | "id">) {
  return `${runtime}/${namespace}/${id}`;
}
