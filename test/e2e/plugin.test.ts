import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CONTAINERD_VERSIONS } from "../../scripts/rig/containerd.ts";
import { Host, LAUNCHES } from "../../scripts/rig/host.ts";
import { Images, NGINX_PID_FILE, STATIC_FILES } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { straceOpens } from "../../scripts/rig/strace.ts";
import { waitFor } from "../../scripts/rig/wait.ts";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const staticFiles = [
  "/static",
  ...Array.from({ length: STATIC_FILES }, (_, index) => `/data/${`${index}`.padStart(3, "0")}`),
];

const matrix = CONTAINERD_VERSIONS.flatMap((version) => LAUNCHES.map((launch) => [version, launch] as const));

describe.each(matrix)("plugin in containerd %s, %s", (version, launch) => {
  let host: Host;

  beforeAll(async () => {
    host = await Host.start({ version, launch, packages });
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  test("lists what strace sees nginx open, in the same order, the entrypoint first", async () => {
    const { containerd } = host;
    const image = await containerd.importImage(await images.nginx());
    await using container = await containerd.runContainer({ image: image.id });
    const pidFile = `/proc/${container.pid}/root${NGINX_PID_FILE}`;
    await waitFor(() => existsSync(pidFile), { what: "nginx to listen" });
    await container.stop();
    const record = await host.ended("nginx:latest", container.id);

    const oracle = await straceOpens({
      containerd,
      image,
      stopWhen: (root) => existsSync(`${root}${NGINX_PID_FILE}`),
    });
    const list = host.list("nginx:latest");
    expect(list[0]).toBe("/docker-entrypoint.sh");
    expect(list.filter((path) => oracle.includes(path))).toEqual(oracle);
    expect(list.filter((path) => !oracle.includes(path))).toEqual([]);
    expect(record).toMatchObject({ complete: true, reason: "container stopped", trouble: [] });
    expect(record.layers).toHaveLength(list.length);
    // The entrypoint edits files of the image with sed -i: the copies that it makes are not the image's.
    expect(record.counts.runtime).toBeGreaterThan(0);
    expect(host.csv("nginx:latest").split("\n")[0]).toBe("path,size,elapsed");
  });

  test("lists all files of a program whose first act is to open them", async () => {
    const { containerd } = host;
    const image = await containerd.importImage(await images.static());
    await using container = await containerd.runContainer({ image: image.id });
    expect((await container.waitExited()).exitCode).toBe(0);
    await host.ended("static:latest", container.id);
    expect(host.list("static:latest")).toEqual(staticFiles);
  });
});
