import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { CONTAINERD_VERSIONS } from "../../scripts/rig/containerd.ts";
import { Host } from "../../scripts/rig/host.ts";
import { Images } from "../../scripts/rig/images.ts";
import type { Layer } from "../../scripts/rig/layers.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { applyLayers, randomLayers } from "./image-model.ts";
import { shellLayer } from "./shell-layer.ts";
import { OPEN_ALL, writtenLayers } from "./written-layers.ts";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const WRITTEN = writtenLayers(packages);

describe.each([...CONTAINERD_VERSIONS])("layers in containerd %s", (version) => {
  let host: Host;

  beforeAll(async () => {
    host = await Host.start({ version, launch: "external", packages });
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  /** Runs shell words in a container of the layers, and returns the list with the layer of each line. */
  async function run(name: string, layers: readonly Layer[], words: string) {
    const image = await images.build({
      names: [`docker.io/library/${name}:1`],
      layers,
      config: { env: ["PATH=/bin"] },
    });
    await host.containerd.importImage(image);
    await using container = await host.containerd.runContainer({
      image: image.id,
      command: ["/bin/sh", "-c", words],
    });
    expect((await container.waitExited()).exitCode).toBe(0);
    const record = await host.ended(`${name}:1`, container.id);
    expect(record).toMatchObject({ complete: true, layerCount: layers.length });
    return host.list(`${name}:1`).map((path, line) => [path, record.layers[line]]);
  }

  test("files replaced, removed, hidden, added again, turned into folders and back, linked, raw", async () => {
    const model = applyLayers(WRITTEN);
    const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
    // The path through a symbolic link is the one that it leads to, once.
    const first = ["/t/target/y", model.get("/t/target/y")];
    expect(await run("written", WRITTEN, `: < /t/link/y; : < /t/unlinked/y; ${OPEN_ALL}`)).toEqual([
      ["/bin/busybox", 0],
      first,
      ...expected.filter(([path]) => path !== "/bin/busybox" && path !== first[0]),
    ]);
  });

  test.each([
    ["10 layers", 10],
    // So many do not fit into the options of a mount: containerd shortens their paths.
    ["60 layers", 60],
  ])("%s made at random", async (_, count) => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const layers = [shellLayer(packages), ...randomLayers(count - 1, seed)];
    const expected = [...applyLayers(layers)].sort(([a], [b]) => (a < b ? -1 : 1));
    const found = await run(`random-${count}`, layers, OPEN_ALL);
    expect({ seed, found }).toEqual({ seed, found: expected });
  });
});
