import { mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";
import { ENGINE_IMAGE, type Engine, type EngineParts, libraries, rootfsTar } from "./engines.ts";
import type { Image } from "./oci.ts";
import { currentRun } from "./sandbox.ts";

/** Those that Debian has, by their major versions. */
export const PODMAN_VERSIONS = ["4", "5"] as const;
export type PodmanVersion = (typeof PODMAN_VERSIONS)[number];

/**
 * Runs a program with another /usr than this machine's: one that needs a newer libc. Mounts that it makes on what is
 * shared, where containers lie, are seen outside as well; those that it makes in / are not.
 */
const WITH_OWN_USR = 'mount --make-private / && mount --bind "$0" /usr && exec "$@"';

/** A Podman with storage of its own. It has no daemon; disposing of it removes its containers. */
export class Podman implements Engine, AsyncDisposable {
  readonly #command: readonly string[];
  readonly #env: Record<string, string | undefined>;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    command: readonly string[],
    env: Record<string, string | undefined>,
    stack: AsyncDisposableStack,
  ) {
    this.#command = command;
    this.#env = env;
    this.#stack = stack;
  }

  static async start({
    packages,
    engines,
    version = "4",
  }: EngineParts & { readonly version?: PodmanVersion }): Promise<Podman> {
    const folder = await mkdtemp(join(currentRun().folder, "podman-"));
    const at = (...parts: string[]) => join(folder, ...parts);
    const usr = join(engines[version === "4" ? "podman" : "podman-5"].folder, "usr");
    const prefix = version === "4" ? usr : "/usr";
    const runc = join(packages.runc.folder, "usr/sbin/runc");
    await Bun.write(
      at("containers.conf"),
      // crun, which Debian's Podman prefers, refuses hosts that have cgroups of both versions. Locks of the other type lie
      // in /dev/shm, which the sandbox shares.
      `[engine]\nlock_type = "file"\nconmon_path = ["${prefix}/bin/conmon"]\nruntime = "runc"\n[engine.runtimes]\nrunc = ["${runc}"]\n`,
    );
    await Bun.write(
      at("home/.config/containers/policy.json"),
      '{"default":[{"type":"insecureAcceptAnything"}]}',
    );
    // Without a mount program, overlay is the kernel's own.
    const storage = { driver: "overlay", graphroot: at("root"), runroot: at("run") };
    const lines = Object.entries(storage).map(([key, value]) => `${key} = "${value}"\n`);
    // By default the storage's folder becomes a private mount: where Podman has another /usr, its containers' roots would
    // not be seen outside of there.
    const overlay = version === "4" ? "" : '[storage.options.overlay]\nskip_mount_home = "true"\n';
    await Bun.write(at("storage.conf"), `[storage]\n${lines.join("")}${overlay}`);
    await using stack = new AsyncDisposableStack();
    if (version !== "4") await shareMounts(at("root"), stack);
    const env = {
      ...process.env,
      HOME: at("home"),
      CONTAINERS_CONF: at("containers.conf"),
      CONTAINERS_STORAGE_CONF: at("storage.conf"),
      PODMAN_IGNORE_CGROUPSV1_WARNING: "1",
      ...(version === "4" ? { LD_LIBRARY_PATH: await libraries(engines.podman) } : {}),
    };
    const command = [
      ...(version === "4" ? [] : ["unshare", "--mount", "--propagation", "unchanged"]),
      ...(version === "4" ? [] : ["sh", "-c", WITH_OWN_USR, usr]),
      `${prefix}/bin/podman`,
      ...["--tmpdir", at("tmp"), "--cgroup-manager", "cgroupfs", "--events-backend", "file"],
    ];
    const podman = new Podman(command, env, stack.move());
    await podman.client("import", await rootfsTar(folder, packages), ENGINE_IMAGE);
    return podman;
  }

  client(...args: string[]): Promise<string> {
    return run([...this.#command, ...args], { env: this.#env }).then((text) => text.trimEnd());
  }

  /** Takes an image under its names. */
  async load({ tar }: Image): Promise<void> {
    await this.client("load", "--quiet", "--input", tar);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client("rm", "--all", "--force", "--time", "0");
    await this.#stack.disposeAsync();
  }
}

/** What is mounted in a folder from now on is seen in namespaces that are made of this one, and the other way round. */
async function shareMounts(folder: string, stack: AsyncDisposableStack): Promise<void> {
  await mkdir(folder);
  await run(["mount", "--bind", folder, folder]);
  stack.defer(async () => void (await run(["umount", "--lazy", folder])));
  await run(["mount", "--make-shared", folder]);
}
