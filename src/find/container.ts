/** Who runs a container. `runc` stands for a bare OCI runtime, whichever it is. */
export type Runtime = "containerd" | "docker" | "podman" | "cri-o" | "runc";

/** What is known of a container, as its runtime's files have it: none of it is to be trusted. */
export interface ContainerFacts {
  readonly runtime: Runtime;
  /** containerd's own: `k8s.io`, `default`, … */
  readonly namespace?: string;
  readonly id: string;
  /** In its pod, or of its own; may be empty. */
  readonly name: string;
  readonly pod?: { readonly name: string; readonly namespace: string };
  /** As the runtime has it: not normalised, perhaps an image id, perhaps empty. */
  readonly imageReference: string;
  /** The container that holds a pod's namespaces, and does nothing else. */
  readonly isSandbox: boolean;
}

/** A container that runs, or is held right before it does. */
export interface FoundContainer extends ContainerFacts {
  /** Its first process, in the numbering of our own /proc. */
  readonly pid: number;
}

/** A container that is on disk; without `pid` it has no process. */
export interface KnownContainer extends ContainerFacts {
  readonly pid?: number;
}

/** What one kind of runtime has. */
export interface Findings {
  readonly containers: readonly KnownContainer[];
  /** Where it looked, in words for a message. */
  readonly looked: readonly string[];
}

/** A container that cannot be traced as asked. The message is for the user, of a few lines, with the cure. */
export class FindError extends Error {
  override readonly name = "FindError";

  constructor(
    readonly code: "not-found" | "ambiguous" | "stopped",
    message: string,
  ) {
    super(message);
  }
}

/** The container with its process; undefined when it has none. */
export function running(container: KnownContainer): FoundContainer | undefined {
  return container.pid === undefined ? undefined : { ...container, pid: container.pid };
}
