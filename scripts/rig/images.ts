import { join } from "node:path";
import { run } from "./command.ts";
import { debianLayer, GROUP, PASSWD, packageLayer } from "./debian-layers.ts";
import type { Layer, LayerEntry } from "./layers.ts";
import { buildImage, type Image, type ImageName } from "./oci.ts";
import type { Packages } from "./packages.ts";
import { compileProgram } from "./programs.ts";

/** The image that every pod's first container is made of. Both versions of containerd are told this name. */
export const PAUSE_NAME = "rig.invalid/pause:1";

/** How many files under /data the workload of the image "static" opens. */
export const STATIC_FILES = 200;

/** Makes the images that the tests share. Each is built once for one `Images`, into `folder`. */
export class Images {
  readonly #folder: string;
  readonly #packages: Packages;
  readonly #built = new Map<string, Promise<Image>>();

  constructor(folder: string, packages: Packages) {
    this.#folder = folder;
    this.#packages = packages;
  }

  /** One static binary that waits. */
  pause(): Promise<Image> {
    return this.#once("pause", async () => {
      const program = await compileProgram(this.#folder, "pause");
      return buildImage(this.#folder, {
        names: [PAUSE_NAME],
        layers: [[{ kind: "copy", path: "/pause", source: program, mode: 0o755 }]],
        config: { entrypoint: ["/pause"] },
      });
    });
  }

  /**
   * One static binary that opens /data/000 to /data/199 before anything else. Arguments: nothing to exit with 0, a
   * number to exit with that, or `sleep` to wait for SIGTERM.
   */
  static(name: ImageName = "docker.io/library/static:latest"): Promise<Image> {
    return this.#once(`static ${name}`, async () => {
      const program = await compileProgram(this.#folder, "static");
      return buildImage(this.#folder, {
        names: [name],
        layers: [[{ kind: "copy", path: "/static", source: program, mode: 0o755 }], dataLayer()],
        config: { entrypoint: ["/static"], env: ["PATH=/"] },
      });
    });
  }

  /** busybox, with a hard link for each of its commands in /bin, as the official image has. */
  busybox(name: ImageName = "docker.io/library/busybox:latest"): Promise<Image> {
    return this.#once(`busybox ${name}`, async () => {
      return buildImage(this.#folder, {
        names: [name],
        layers: [await busyboxLayer(this.#packages.busybox.folder)],
        config: { cmd: ["sh"], env: ["PATH=/bin"] },
      });
    });
  }

  /**
   * nginx of Debian in three layers: a small Debian, the server, its configuration. An entrypoint script edits files of
   * the image with `sed -i` and then becomes the server, which listens at NGINX_SOCKET.
   */
  nginx(name: ImageName = "docker.io/library/nginx:latest"): Promise<Image> {
    return this.#once(`nginx ${name}`, async () => {
      const { base, nginx } = this.#packages;
      await run(["ldconfig", "-r", base.folder]);
      return buildImage(this.#folder, {
        names: [name],
        layers: [debianLayer(base.folder), packageLayer(nginx.folder, base.folder), siteLayer()],
        config: {
          entrypoint: ["/docker-entrypoint.sh"],
          cmd: ["nginx", "-g", "daemon off;"],
          env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "NGINX_WORKERS=2"],
          stopSignal: "SIGQUIT",
        },
      });
    });
  }

  /** An image of the caller's own, built anew on every call. */
  build(
    ...args: Parameters<typeof buildImage> extends [string, ...infer Rest] ? Rest : never
  ): Promise<Image> {
    return buildImage(this.#folder, ...args);
  }

  #once(key: string, build: () => Promise<Image>): Promise<Image> {
    const image = this.#built.get(key) ?? build();
    this.#built.set(key, image);
    return image;
  }
}

/** Where nginx listens, inside its container. */
export const NGINX_SOCKET = "/run/nginx.sock";

/** nginx makes this file once it listens and heeds signals, right before it starts its workers. */
export const NGINX_PID_FILE = "/run/nginx.pid";

function* dataLayer(): Generator<LayerEntry> {
  yield { kind: "folder", path: "/data" };
  for (let index = 0; index < STATIC_FILES; index++) {
    const name = `${index}`.padStart(3, "0");
    yield { kind: "file", path: `/data/${name}`, content: `${name}\n` };
  }
}

/** The layer of the image "busybox"; `folder` is that of the unpacked package. */
export async function busyboxLayer(folder: string): Promise<Layer> {
  const program = join(folder, "bin", "busybox");
  const commands = (await run([program, "--list"])).trim().split("\n");
  return [
    ...["/bin", "/etc", "/root"].map((path) => ({ kind: "folder", path }) as const),
    { kind: "folder", path: "/tmp", mode: 0o1777 },
    { kind: "file", path: "/etc/passwd", content: PASSWD },
    { kind: "file", path: "/etc/group", content: GROUP },
    { kind: "copy", path: "/bin/busybox", source: program, mode: 0o755 },
    ...commands
      .filter((command) => command !== "busybox")
      .map(
        (command) =>
          ({ kind: "hardlink", path: `/bin/${command}`, target: "/bin/busybox", mode: 0o755 }) as const,
      ),
  ];
}

function* siteLayer(): Generator<LayerEntry> {
  const copy = (path: string, file: string, mode = 0o644) =>
    ({ kind: "copy", path, source: join(import.meta.dir, "nginx", file), mode }) as const;
  // Those of the layers below too, as image builders do: ctr-remote does not move a file whose folders are not entries.
  for (const path of ["/etc", "/etc/nginx", "/var", "/var/log", "/var/log/nginx"])
    yield { kind: "folder", path };
  yield copy("/docker-entrypoint.sh", "docker-entrypoint.sh", 0o755);
  yield { kind: "folder", path: "/docker-entrypoint.d" };
  yield copy("/docker-entrypoint.d/10-name-server.sh", "10-name-server.sh", 0o755);
  yield copy("/docker-entrypoint.d/20-tune-workers.sh", "20-tune-workers.sh", 0o755);
  yield copy("/etc/nginx/nginx.conf", "nginx.conf");
  yield { kind: "folder", path: "/etc/nginx/conf.d" };
  yield copy("/etc/nginx/conf.d/default.conf", "default.conf");
  yield { kind: "symlink", path: "/var/log/nginx/access.log", target: "/dev/stdout" };
  yield { kind: "symlink", path: "/var/log/nginx/error.log", target: "/dev/stderr" };
}
