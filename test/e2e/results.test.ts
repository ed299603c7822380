import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CONTAINERD_VERSIONS } from "../../scripts/rig/containerd.ts";
import { Images, STATIC_FILES } from "../../scripts/rig/images.ts";
import type { LayerEntry } from "../../scripts/rig/layers.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { Host } from "./host.ts";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const busybox = join(packages.busybox.folder, "bin/busybox");
const GIB = 2 ** 30;

/** An image with /bin/sh, and `count` files in /files. */
function shellImage(name: string, count: number) {
  return images.build({
    names: [name],
    layers: [[...shell(), ...Array.from({ length: count }, (_, index) => file(index))]],
    config: { env: ["PATH=/bin"] },
  });
}

function shell(): LayerEntry[] {
  return [
    { kind: "copy", path: "/bin/busybox", source: busybox, mode: 0o755 },
    { kind: "symlink", path: "/bin/sh", target: "busybox" },
    { kind: "symlink", path: "/bin/sleep", target: "busybox" },
  ];
}

function file(index: number): LayerEntry {
  return { kind: "file", path: `/files/${`${index}`.padStart(5, "0")}`, content: "" };
}

/** Shell words that open the files one after the other: `:` with a redirection starts no process. */
const openAll = "for f in /files/*; do : < $f; done";

describe.each([...CONTAINERD_VERSIONS])("results in containerd %s", (version) => {
  let host: Host;

  beforeAll(async () => {
    host = await Host.start({ version, launch: "external", packages });
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  test("a list grows while its container runs, and ends within 200 ms of it", async () => {
    const { containerd } = host;
    const { id: image } = await containerd.importImage(await shellImage("docker.io/library/grow:1", 20));
    await using container = await containerd.runContainer({
      image,
      command: ["/bin/sh", "-c", "for f in /files/*; do : < $f; read line < /go; done"],
      mounts: [],
      ...fifo,
    });
    const root = `/proc/${container.pid}/root`;
    for (let step = 1; step <= 20; step++) {
      // Step by step: the container goes on when its next file is in the list.
      await waitFor(() => host.exists("grow:1") && host.list("grow:1").length === step + 1, {
        what: `the list to have file ${step}`,
        explain: () => host.log(),
      });
      expect(host.record("grow:1")).toMatchObject({ complete: false, state: "recording", ended: null });
      await Bun.write(`${root}/go`, "go\n");
    }
    const status = await container.waitExited();
    const record = await host.ended("grow:1", container.id);
    const tookMs = Date.parse(record.ended ?? "") - Number(status.finishedAt / 1_000_000n);
    expect(tookMs).toBeLessThan(200);
    expect(record.complete).toBe(true);
  });
});

const fifo = {};
void [readFileSync, GIB, STATIC_FILES, openAll];
