import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { run } from "./command.ts";
import { PackageSet, type Recipe, type Unpacked } from "./package-set.ts";
import type { Packages } from "./packages.ts";
import { CACHE } from "./paths.ts";
import { currentRun } from "./sandbox.ts";
import { waitFor } from "./wait.ts";

/** Container engines besides containerd. CRI-O is in no suite of Debian. */
const ENGINES = {
  // With all that it needs: libraries that a small Debian does not have.
  podman: { suite: "bookworm", packages: ["podman", "conmon"], version: "4.3.1", dependencies: "closure" },
  // Its containers/storage mounts the layers of many in another way. Needs a newer libc than bookworm's.
  "podman-5": {
    suite: "trixie",
    packages: ["podman", "conmon"],
    version: "5.4.2",
    dependencies: "closure",
  },
  docker: { suite: "bookworm", packages: ["docker.io"], version: "20.10.24", dependencies: "alone" },
} as const satisfies Record<string, Recipe>;

export type Engines = Readonly<Record<keyof typeof ENGINES, Unpacked>>;

const engines = new PackageSet({ folder: join(CACHE, "engines"), recipes: ENGINES });

/** Fetches and unpacks the engines into the cache, unless they are there. `log` gets a line for each step. */
export function fetchEngines(log: (line: string) => void): Promise<Engines> {
  return engines.fetch(log);
}

/** What an engine is made of. */
export interface EngineParts {
  readonly packages: Packages;
  readonly engines: Engines;
}

/** The command line of an engine, with an image of busybox that is called ENGINE_IMAGE. Must run inside a sandbox. */
export interface Engine {
  /** Runs the engine's client and returns its stdout without the last newline. */
  readonly client: (...args: string[]) => Promise<string>;
}

export const ENGINE_IMAGE = "docker.io/example/web:1";

/** A dockerd of our own, with a containerd of its own. Disposing of it removes its containers and ends it. */
export class Docker implements Engine, AsyncDisposable {
  readonly dataRoot: string;
  readonly #socket: string;
  readonly #program: string;
  readonly #daemon: Subprocess;

  private constructor(dataRoot: string, socket: string, program: string, daemon: Subprocess) {
    this.dataRoot = dataRoot;
    this.#socket = socket;
    this.#program = program;
    this.#daemon = daemon;
  }

  static async start({ packages, engines }: EngineParts): Promise<Docker> {
    const { folder: runFolder, cgroup } = currentRun();
    const folder = await mkdtemp(join(runFolder, "docker-"));
    // Sockets lie in the sandbox's own /run, where their paths are short.
    const state = await mkdtemp("/run/rig-docker-");
    const socket = join(state, "docker.sock");
    const logPath = join(folder, "docker.log");
    const own = [engines.docker, packages["containerd-1.7"], packages.runc].flatMap(binaries);
    await Bun.write(join(folder, "daemon.json"), "{}");
    const log = openSync(logPath, "a");
    const daemon = Bun.spawn(
      [
        join(engines.docker.folder, "usr/sbin/dockerd"),
        ...["--config-file", join(folder, "daemon.json"), "--data-root", join(folder, "root")],
        ...[
          "--exec-root",
          join(state, "exec"),
          "--pidfile",
          join(state, "pid"),
          "--host",
          `unix://${socket}`,
        ],
        // Nothing of the host's network is touched.
        ...[
          "--bridge=none",
          "--iptables=false",
          "--ip6tables=false",
          "--ip-forward=false",
          "--ip-masq=false",
        ],
        // A root without CAP_SYS_RESOURCE may not go below 0.
        ...["--oom-score-adjust=0", "--cgroup-parent", cgroup],
      ],
      {
        env: {
          ...process.env,
          LD_LIBRARY_PATH: await libraries(engines.podman),
          PATH: [...own, process.env["PATH"]].join(":"),
        },
        stdio: ["ignore", log, log],
      },
    );
    closeSync(log);
    const docker = new Docker(
      join(folder, "root"),
      socket,
      join(engines.docker.folder, "usr/bin/docker"),
      daemon,
    );
    try {
      await waitFor(async () => daemon.exitCode !== null || (await docker.client("version")), {
        what: "dockerd to answer",
        timeoutMs: 30_000,
        explain: () => readFileSync(logPath, "utf8").trimEnd().split("\n").slice(-15).join("\n"),
      });
      await docker.client("import", await rootfsTar(folder, packages), ENGINE_IMAGE);
      return docker;
    } catch (error) {
      await docker.#end();
      throw error;
    }
  }

  client(...args: string[]): Promise<string> {
    return run([this.#program, "--host", `unix://${this.#socket}`, ...args]).then((text) => text.trimEnd());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ids = (await this.client("ps", "--all", "--quiet")).split("\n").filter(Boolean);
    if (ids.length > 0) await this.client("rm", "--force", ...ids);
    await this.#end();
  }

  /** Its containerd ends with it. */
  async #end(): Promise<void> {
    this.#daemon.kill("SIGTERM");
    await this.#daemon.exited;
  }
}

function binaries({ folder }: Unpacked): string[] {
  return ["usr/bin", "usr/sbin"].map((name) => join(folder, name));
}

/** A folder with the libraries of a package's closure, but for those of libc: the machine's own must be its loader's. */
export async function libraries({ folder }: Unpacked): Promise<string> {
  const from = join(folder, "usr/lib/x86_64-linux-gnu");
  const to = await mkdtemp(join(currentRun().folder, "lib-"));
  const ofLibc =
    /^(?:ld-linux|lib(?:c|m|dl|rt|pthread|resolv|util|anl|mvec|nsl|nss_\w+|thread_db|BrokenLocale)\.so)/;
  const names = readdirSync(from).filter((name) => name.includes(".so.") && !ofLibc.test(name));
  await Promise.all(names.map((name) => symlink(join(from, name), join(to, name))));
  return to;
}

/** A tar with the root file system of ENGINE_IMAGE. */
export async function rootfsTar(folder: string, { busybox }: Packages): Promise<string> {
  const root = join(folder, "rootfs");
  await mkdir(join(root, "bin"), { recursive: true });
  await mkdir(join(root, "etc"));
  await Bun.write(join(root, "bin/busybox"), Bun.file(join(busybox.folder, "bin/busybox")));
  await chmod(join(root, "bin/busybox"), 0o755);
  await symlink("busybox", join(root, "bin/sleep"));
  await run(["tar", "-c", "-f", `${root}.tar`, "-C", root, "."]);
  return `${root}.tar`;
}
