import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { CONTAINERD_VERSIONS, Containerd } from "../../scripts/rig/containerd.ts";
import { ContainerState } from "../../scripts/rig/gen/cri_pb.ts";
import { Images, NGINX_SOCKET } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);

describe.each([...CONTAINERD_VERSIONS])("rig on containerd %s", (version) => {
  let containerd: Containerd;

  beforeAll(async () => {
    containerd = await Containerd.start({ version, packages });
  });

  afterAll(async () => {
    await containerd[Symbol.asyncDispose]();
  });

  test("the CRI tells the version that was asked for", async () => {
    const { runtimeName, runtimeVersion } = await containerd.cri.runtime.version({});
    expect(runtimeName).toBe("containerd");
    expect(runtimeVersion.startsWith(`${version}.`)).toBe(true);
  });

  test("static finds its 200 files and exits with the code it was given", async () => {
    const { id: image } = await containerd.importImage(await images.static());
    await using success = await containerd.runContainer({ image });
    expect((await success.waitExited()).exitCode).toBe(0);
    await using failure = await containerd.runContainer({ image, args: ["7"] });
    expect((await failure.waitExited()).exitCode).toBe(7);
  });

  test("static ends on the stop signal", async () => {
    const { id: image } = await containerd.importImage(await images.static());
    await using container = await containerd.runContainer({ image, args: ["sleep"] });
    await container.stop();
    expect(await container.status()).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 0 });
  });

  test("busybox exits 0, and runs commands while it lives", async () => {
    const { id: image } = await containerd.importImage(await images.busybox());
    await using brief = await containerd.runContainer({ image, command: ["true"] });
    expect((await brief.waitExited()).exitCode).toBe(0);
    await using container = await containerd.runContainer({ image, command: ["sleep", "1000"] });
    expect(await container.exec("sh", "-c", "echo out; echo err >&2; exit 3")).toEqual({
      exitCode: 3,
      stdout: "out\n",
      stderr: "err\n",
    });
    expect(existsSync(`/proc/${container.pid}/root/bin/busybox`)).toBe(true);
  });

  test("nginx listens, with the configuration that its entrypoint edited, and ends on SIGQUIT", async () => {
    const { id: image } = await containerd.importImage(await images.nginx());
    await using container = await containerd.runContainer({ image });
    const socket = `/proc/${container.pid}/root${NGINX_SOCKET}`;
    await waitFor(() => existsSync(socket), {
      what: `nginx to listen at ${socket}`,
      explain: () => containerd.logTail(),
    });
    expect((await container.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
    const response = await fetch("http://rig/", { unix: socket });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("Welcome to nginx!");
    const conf = await container.exec("cat", "/etc/nginx/conf.d/default.conf");
    expect(conf.stdout).toContain("server_name rig;");
    await container.stop();
    expect((await container.status()).exitCode).toBe(0);
  });

  test("a restarted containerd knows the container that went on", async () => {
    const { id: image } = await containerd.importImage(await images.busybox());
    await using container = await containerd.runContainer({ image, command: ["sleep", "1000"] });
    await containerd.restart();
    expect((await container.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
    await containerd.kill();
    expect(existsSync(`/proc/${container.pid}/root/bin/busybox`)).toBe(true);
    await containerd.start();
    expect((await container.exec("true")).exitCode).toBe(0);
  });

  test.each([
    ["a port", "localhost:5000/team/app:1"],
    ["a digest", (digest: string) => `ghcr.io/team/app@${digest}`],
  ])("importImage() takes a name with %s", async (_, name) => {
    const image = await containerd.importImage(await images.static(name));
    await using container = await containerd.runContainer({ image: image.names[0] ?? "" });
    expect((await container.waitExited()).exitCode).toBe(0);
  });

  test("runContainer() takes a name with tag and digest as what the user wrote", async () => {
    const image = await containerd.importImage(
      await images.static((digest) => `docker.io/library/app@${digest}`),
    );
    await using container = await containerd.runContainer({
      image: image.id,
      userSpecifiedImage: `app:1@${image.digest}`,
    });
    expect((await container.waitExited()).exitCode).toBe(0);
  });

  test("an image of raw names, links, whiteouts and holes arrives as it was described", async () => {
    const long = `/long/${"x".repeat(120)}/${"y".repeat(120)}`;
    const raw = Buffer.from("/raw/a\xff\nb", "latin1");
    const image = await images.build({
      names: ["docker.io/library/odd:1"],
      layers: [
        [
          {
            kind: "copy",
            path: "/bin/busybox",
            source: join(packages.busybox.folder, "bin/busybox"),
            mode: 0o755,
          },
          { kind: "hardlink", path: "/bin/sh", target: "/bin/busybox", mode: 0o755 },
          { kind: "file", path: raw, content: "raw" },
          { kind: "file", path: long, content: "long" },
          { kind: "symlink", path: "/link", target: long },
          { kind: "file", path: "/gone", content: "" },
          { kind: "file", path: "/hidden/old", content: "" },
          { kind: "file", path: "/kept/old", content: "" },
        ],
        [
          { kind: "whiteout", path: "/gone" },
          { kind: "opaque", path: "/hidden" },
          { kind: "file", path: "/hidden/new", content: "" },
          { kind: "sparse", path: "/big", size: 1 << 20 },
        ],
      ],
    });
    await containerd.importImage(image);
    await using container = await containerd.runContainer({
      image: image.id,
      command: ["/bin/sh", "-c", "sleep 1000"],
    });
    const root = `/proc/${container.pid}/root`;
    expect(readFileSync(Buffer.concat([Buffer.from(root), raw]), "utf8")).toBe("raw");
    expect(readlinkSync(`${root}/link`)).toBe(long);
    expect(readFileSync(`${root}${long}`, "utf8")).toBe("long");
    expect(readdirSync(root)).not.toContain("gone");
    expect(readdirSync(`${root}/hidden`)).toEqual(["new"]);
    expect(readdirSync(`${root}/kept`)).toEqual(["old"]);
    expect(statSync(`${root}/big`).size).toBe(1 << 20);
    expect(statSync(`${root}/bin/sh`)).toMatchObject({ nlink: 2, ino: statSync(`${root}/bin/busybox`).ino });
  });
});
