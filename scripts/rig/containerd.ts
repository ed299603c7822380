import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { cniFolders, makeEmptyCni } from "./cni.ts";
import { run } from "./command.ts";
import { Container, type ContainerOptions } from "./container.ts";
import { type ContainerdPaths, encodeConfig, type NriOptions } from "./containerd-config.ts";
import { Cri } from "./cri.ts";
import { Images, PAUSE_NAME } from "./images.ts";
import type { Image } from "./oci.ts";
import type { Packages } from "./packages.ts";
import { type Pod, type PodOptions, startPod } from "./pod.ts";
import { processesWith } from "./processes.ts";
import { currentRun } from "./sandbox.ts";
import { waitFor } from "./wait.ts";

export type ContainerdVersion = "1.7" | "2.1";

export const CONTAINERD_VERSIONS: readonly ContainerdVersion[] = ["1.7", "2.1"];

export interface ContainerdOptions {
  readonly version: ContainerdVersion;
  readonly packages: Packages;
  /** NRI is off without it. */
  readonly nri?: NriOptions;
  /** Added to the environment of containerd, and so to that of its shims. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Debian 12's runc is too old to map the ids of mounts, and says so, whereupon containerd 2 makes no container in a user
 * namespace. Those of the root are mapped by containerd itself; runc's would be /etc/hosts and the like.
 */
const IDMAP_RUNC = `#!/bin/sh
case " $* " in
*" features "*) echo '{"linux":{"mountExtensions":{"idmap":{"enabled":true}}}}' ;;
*) exec runc "$@" ;;
esac
`;

/**
 * A containerd of our own with its own folders and sockets, which must run inside a sandbox. Disposing of it removes
 * its containers and ends its processes.
 */
export class Containerd implements AsyncDisposable {
  readonly version: ContainerdVersion;
  readonly paths: ContainerdPaths;
  readonly logPath: string;
  readonly cri: Cri;
  readonly packages: Packages;
  readonly #options: ContainerdOptions;
  readonly #folder: string;
  readonly #cgroup: string;
  #process: Subprocess | undefined;
  static #count = 0;

  private constructor(options: ContainerdOptions) {
    const { folder, cgroup } = currentRun();
    // Two of one run must differ; the sockets lie in the sandbox's own /run, where their paths are short.
    const name = `${++Containerd.#count}`;
    this.#folder = join(folder, `containerd-${name}`);
    this.paths = {
      root: join(this.#folder, "root"),
      state: join(this.#folder, "state"),
      socket: `/run/rig/${process.pid}-${name}/containerd.sock`,
      nriSocket: `/run/rig/${process.pid}-${name}/nri.sock`,
      cni: cniFolders(join(this.#folder, "cni")),
      idmapRunc: join(this.#folder, "runc-idmap"),
    };
    this.version = options.version;
    this.packages = options.packages;
    this.logPath = join(this.#folder, "containerd.log");
    this.cri = new Cri(this.paths.socket);
    this.#options = options;
    this.#cgroup = cgroup;
  }

  /** Starts a containerd, waits until its CRI answers, and gives it the image that pods are made of. */
  static async start(options: ContainerdOptions): Promise<Containerd> {
    const containerd = new Containerd(options);
    try {
      await makeEmptyCni(containerd.paths.cni);
      await writeFile(containerd.paths.idmapRunc, IDMAP_RUNC, { mode: 0o755 });
      await containerd.start();
      await containerd.importImage(await new Images(containerd.#folder, options.packages).pause());
      return containerd;
    } catch (error) {
      await containerd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The pid of containerd. Throws when it does not run. */
  get pid(): number {
    if (this.#process === undefined) throw new Error("containerd does not run: call start() first");
    return this.#process.pid;
  }

  /** Starts containerd, again after a `stop()` or `kill()`. Rejects with the end of its log when it exits. */
  async start(): Promise<void> {
    await mkdir(this.paths.socket.slice(0, this.paths.socket.lastIndexOf("/")), { recursive: true });
    await mkdir(this.#folder, { recursive: true });
    const config = join(this.#folder, "config.toml");
    await Bun.write(config, encodeConfig(this.version, this.paths, PAUSE_NAME, this.#options.nri));
    const log = openSync(this.logPath, "a");
    const child = Bun.spawn([this.#program("containerd"), "--config", config], {
      env: this.#env(),
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.#process = child;
    await waitFor(
      async () => {
        if (child.exitCode !== null || child.signalCode !== null) return "exited";
        const { status } = await this.cri.runtime.status({}, { timeoutMs: 1000 });
        return status?.conditions.some(({ type, status }) => type === "RuntimeReady" && status) && "ready";
      },
      {
        what: `the CRI of containerd ${this.version} to be ready`,
        timeoutMs: 30_000,
        explain: () => this.logTail(),
      },
    ).then((state) => {
      if (state === "exited")
        throw new Error(`containerd ${this.version} ended while starting:\n${this.logTail()}`);
    });
  }

  /** Ends containerd with SIGTERM, as an upgrade of the host would: its containers go on. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** Ends containerd with SIGKILL; its containers go on. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Waits until a containerd that something else ends has ended, and returns its exit code. */
  async waitExited(timeoutMs = 30_000): Promise<number> {
    const child = this.#process;
    if (child === undefined) throw new Error("containerd does not run: call start() first");
    await waitFor(() => child.exitCode !== null || child.signalCode !== null, {
      what: "containerd to end",
      timeoutMs,
    });
    return await child.exited;
  }

  /** All that containerd has logged, over all its starts. */
  log(): string {
    return readFileSync(this.logPath, "utf8");
  }

  /** The last lines of the log, for a message. */
  logTail(lines = 15): string {
    return this.log().trimEnd().split("\n").slice(-lines).join("\n");
  }

  /** Imports an image under its names into the CRI's namespace, and waits until the CRI knows them. */
  async importImage(image: Image): Promise<Image> {
    await this.ctr("images", "import", image.tar);
    await waitFor(
      async () => {
        const known = (await this.cri.images.imageStatus({ image: { image: image.id } })).image;
        const names = [...(known?.repoTags ?? []), ...(known?.repoDigests ?? [])];
        return image.names.every((name) => names.includes(name));
      },
      { what: `the CRI to know the image ${image.names.join(", ")}`, explain: () => this.logTail() },
    );
    return image;
  }

  /** Where a blob of the content store lies; `digest` is `sha256:…`. */
  blobPath(digest: string): string {
    return join(this.paths.root, "io.containerd.content.v1.content/blobs", digest.replace(":", "/"));
  }

  /** Runs `ctr` in the CRI's namespace and returns its stdout. */
  ctr(...args: string[]): Promise<string> {
    return run([this.#program("ctr"), "--address", this.paths.socket, "--namespace", "k8s.io", ...args], {
      env: this.#env(),
    });
  }

  /** Makes a pod of its own for one container, and starts that. */
  runContainer(options: ContainerOptions): Promise<Container> {
    return Container.run(this.cri, this.#cgroup, options);
  }

  /** Makes a pod for `runContainerIn()`. */
  startPod(options?: PodOptions): Promise<Pod> {
    return startPod(this.cri, this.#cgroup, options);
  }

  /** Starts a container in a pod, which is quicker than one in a pod of its own. */
  runContainerIn(pod: Pod, options: ContainerOptions): Promise<Container> {
    return Container.runIn(pod, this.cri, options);
  }

  /** Removes the containers, when containerd can still do that, and ends all processes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process !== undefined) await this.#removePods().catch(() => undefined);
    await this.stop().catch(() => this.kill());
    this.cri[Symbol.dispose]();
    // What it could not remove goes down with its shim; the sandbox takes the rest.
    for (const pid of processesWith(this.paths.socket)) process.kill(pid, "SIGKILL");
  }

  async #removePods(): Promise<void> {
    const { items } = await this.cri.runtime.listPodSandbox({});
    for (const { id } of items) await this.cri.runtime.removePodSandbox({ podSandboxId: id });
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    child.kill(signal);
    await this.waitExited();
    this.#process = undefined;
  }

  #program(name: string): string {
    return join(this.#options.packages[`containerd-${this.version}`].folder, "usr", "bin", name);
  }

  #env(): Record<string, string | undefined> {
    const { packages, version, env } = this.#options;
    const own = [packages[`containerd-${version}`].folder, packages.runc.folder];
    const path = own.flatMap((folder) => [join(folder, "usr", "bin"), join(folder, "usr", "sbin")]);
    return { ...process.env, ...env, PATH: [...path, process.env["PATH"]].join(":") };
  }
}
