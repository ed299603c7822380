import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Cri } from "./cri.ts";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  ContainerState,
  type ContainerStatus,
  LinuxContainerSecurityContextSchema,
  MountSchema,
} from "./gen/cri_pb.ts";
import { type Pod, startPod } from "./pod.ts";
import { waitFor } from "./wait.ts";

/** A container to run, in the words of the CRI. */
export interface ContainerOptions {
  /** A name or an id of an imported image. */
  readonly image: string;
  /** What a user wrote in the pod's specification; kubelet sends it along. */
  readonly userSpecifiedImage?: string;
  /** "test" by default; a pod of its own gets the same name unless it has one. */
  readonly name?: string;
  readonly podName?: string;
  /** "default" by default. */
  readonly podNamespace?: string;
  /** Runs it in the pod of this one, whose removal removes both, instead of in one of its own. */
  readonly inPodOf?: Container;
  /** Replaces the image's entrypoint. */
  readonly command?: readonly string[];
  /** Replaces the image's cmd. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Of a pod of its own, as are the two below. */
  readonly podAnnotations?: Readonly<Record<string, string>>;
  readonly podLabels?: Readonly<Record<string, string>>;
  readonly podUserNamespace?: boolean;
  readonly mounts?: readonly MessageInitShape<typeof MountSchema>[];
  readonly securityContext?: MessageInitShape<typeof LinuxContainerSecurityContextSchema>;
  readonly workingDir?: string;
}

/** What a finished command in a container said. */
export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Attempts at what containerd fails though nothing is wrong. */
const ATTEMPTS_MAX = 5;

/**
 * A container in a pod, on the host's network unless it is in a user namespace. Disposing of it removes both.
 */
export class Container implements AsyncDisposable {
  readonly id: string;
  readonly podId: string;
  /** The pid of the container's init, in the sandbox's pid namespace; it may have ended since. */
  readonly pid: number;
  readonly #cri: Cri;
  readonly #pod: Pod;

  private constructor(cri: Cri, pod: Pod, id: string, pid: number) {
    this.#cri = cri;
    this.#pod = pod;
    this.podId = pod.id;
    this.id = id;
    this.pid = pid;
  }

  /** Makes a pod, and a container in it that is started. When that fails, the pod is removed before. */
  static async run(cri: Cri, cgroup: string, options: ContainerOptions): Promise<Container> {
    if (options.inPodOf !== undefined) return await Container.runIn(options.inPodOf.#pod, cri, options);
    const { name = "test", podName = name, podNamespace: namespace = "default" } = options;
    const {
      podAnnotations: annotations = {},
      podLabels: labels = {},
      podUserNamespace: userNamespace = false,
    } = options;
    const pod = await startPod(cri, cgroup, { name: podName, namespace, annotations, labels, userNamespace });
    try {
      return await Container.runIn(pod, cri, options);
    } catch (error) {
      await cri.runtime.removePodSandbox({ podSandboxId: pod.id });
      throw error;
    }
  }

  /** Creates and starts a container in a pod, which may have others, of other names. */
  static async runIn(pod: Pod, cri: Cri, options: ContainerOptions): Promise<Container> {
    const config = toContainerConfig(pod, options);
    const request = { podSandboxId: pod.id, sandboxConfig: pod.config, config };
    const { containerId } = await cri.runtime.createContainer(request);
    await cri.runtime.startContainer({ containerId });
    const { info } = await cri.runtime.containerStatus({ containerId, verbose: true });
    return new Container(cri, pod, containerId, readPid(info["info"]));
  }

  /** Asks the runtime how the container is. */
  async status(): Promise<ContainerStatus> {
    const { status } = await this.#cri.runtime.containerStatus({ containerId: this.id });
    if (status === undefined) throw new Error(`The runtime has no status of the container ${this.id}`);
    return status;
  }

  /** Sends the stop signal, then SIGKILL after `graceSeconds`, and waits for the end. */
  async stop(graceSeconds = 10): Promise<void> {
    const timeout = BigInt(graceSeconds);
    await again(() => this.#cri.runtime.stopContainer({ containerId: this.id, timeout }));
  }

  /** Waits until the container has ended by itself, and returns its last status. */
  waitExited(timeoutMs = 30_000): Promise<ContainerStatus> {
    return waitFor(
      async () => {
        const status = await this.status();
        return status.state === ContainerState.CONTAINER_EXITED && status;
      },
      { what: `the container ${this.id} to exit`, timeoutMs },
    );
  }

  /** Runs a command in the container, to its end. */
  async exec(...command: string[]): Promise<ExecResult> {
    const result = await this.#cri.runtime.execSync({ containerId: this.id, cmd: command, timeout: 30n });
    const decoder = new TextDecoder();
    return {
      exitCode: result.exitCode,
      stdout: decoder.decode(result.stdout),
      stderr: decoder.decode(result.stderr),
    };
  }

  /** Removes the container, which is killed if it still runs; its pod stays. */
  async removeContainer(): Promise<void> {
    await again(() => this.#cri.runtime.removeContainer({ containerId: this.id }));
  }

  /** Removes the container and its pod; both are killed if they still run. */
  async remove(): Promise<void> {
    await again(() => this.#cri.runtime.stopPodSandbox({ podSandboxId: this.podId }));
    await again(() => this.#cri.runtime.removePodSandbox({ podSandboxId: this.podId }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove();
  }
}

/** As the kubelet does: containerd fails to stop what ends by itself at that moment, its shim with it. */
async function again(call: () => Promise<unknown>): Promise<void> {
  for (let attempts = 1; ; attempts++) {
    try {
      await call();
      return;
    } catch (error) {
      const isRace = error instanceof Error && error.message.includes("ttrpc: closed");
      if (!isRace || attempts === ATTEMPTS_MAX) throw error;
    }
  }
}

function toContainerConfig(pod: Pod, options: ContainerOptions): ContainerConfig {
  const securityContext = create(LinuxContainerSecurityContextSchema, options.securityContext);
  // The CRI wants the same of a pod and its containers.
  securityContext.namespaceOptions ??= pod.config.linux?.securityContext?.namespaceOptions;
  return create(ContainerConfigSchema, {
    metadata: { name: options.name ?? "test" },
    image: { image: options.image, userSpecifiedImage: options.userSpecifiedImage ?? "" },
    command: [...(options.command ?? [])],
    args: [...(options.args ?? [])],
    envs: Object.entries(options.env ?? {}).map(([key, value]) => ({ key, value })),
    annotations: { ...options.annotations },
    labels: { ...options.labels },
    mounts: (options.mounts ?? []).map((mount) => create(MountSchema, mount)),
    workingDir: options.workingDir ?? "",
    linux: { securityContext },
  });
}

/** containerd's verbose status is JSON; of all that, the pid alone is wanted. */
function readPid(info: string | undefined): number {
  const parsed: unknown = JSON.parse(info ?? "{}");
  if (typeof parsed === "object" && parsed !== null && "pid" in parsed && typeof parsed.pid === "number") {
    return parsed.pid;
  }
  throw new Error(`The runtime does not tell the container's pid: ${info ?? "no verbose status"}`);
}
