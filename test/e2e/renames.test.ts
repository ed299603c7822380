import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { compareLists } from "../../scripts/rig/compare.ts";
import { Host } from "../../scripts/rig/host.ts";
import { Images } from "../../scripts/rig/images.ts";
import type { LayerEntry } from "../../scripts/rig/layers.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { compileProgram } from "../../scripts/rig/programs.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { straceOpens } from "../../scripts/rig/strace.ts";

const FILES = 200;
const packages = await fetchPackages(console.error);
const folder = join(currentRun().folder, "images");
const images = new Images(folder, packages);

describe("files that get another name before their event is read", () => {
  // An event's path is looked up when it is read; the inode tells what it was.
  test.each([
    ["away", "that the workload renamed are listed under the name that they were opened by"],
    ["over", "that the workload made, and gave a name of the image, are not listed"],
  ])("renames %s: %s", async (mode) => {
    const program = await compileProgram(folder, "renames");
    const files = Array.from(
      { length: FILES },
      (_, index): LayerEntry => ({
        kind: "file",
        path: `/data/${`${index}`.padStart(3, "0")}`,
        content: mode,
      }),
    );
    const image = await images.build({
      names: [`docker.io/library/renames-${mode}:1`],
      layers: [[{ kind: "copy", path: "/renames", source: program, mode: 0o755 }, ...files]],
      config: { entrypoint: ["/renames", mode] },
    });
    await using host = await Host.start({ version: "2.1", launch: "external", packages });
    await host.containerd.importImage(image);
    const oracle = await straceOpens({ containerd: host.containerd, image });
    expect(oracle).toHaveLength(mode === "away" ? FILES + 1 : 1);
    await using container = await host.containerd.runContainer({ image: image.id });
    expect((await container.waitExited()).exitCode).toBe(0);
    await host.ended(`renames-${mode}:1`, container.id);
    const { missing, surplus } = compareLists(host.list(`renames-${mode}:1`), oracle);
    expect({ missing, surplus }).toEqual({ missing: [], surplus: [] });
  });
});
