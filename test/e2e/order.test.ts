import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { recordWorkload } from "../../scripts/rig/fidelity.ts";
import { Host } from "../../scripts/rig/host.ts";
import { Images } from "../../scripts/rig/images.ts";
import { fetchPackages, fetchZooPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { makeWorkload, type WorkloadName } from "../../scripts/rig/zoo.ts";

const RUNS = 3;

const packages = await fetchPackages(console.error);
const zooPackages = await fetchZooPackages(console.error);
const folder = join(currentRun().folder, "images");
const images = new Images(folder, packages);

describe("equal runs beside a container that opens files all the time", () => {
  let host: Host;

  beforeAll(async () => {
    host = await Host.start({ version: "2.1", launch: "external", packages, config: "overwrite = true\n" });
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  test.each(["python", "static"] satisfies WorkloadName[])("give the same bytes: %s", async (name) => {
    const { containerd } = host;
    const noise = await containerd.importImage(await images.busybox());
    await using _beside = await containerd.runContainer({
      image: noise.id,
      name: "noise",
      // Each round opens the program and its data, and files of its own.
      command: ["sh", "-c", "while :; do for c in cat sort wc; do $c /etc/passwd > /tmp/$c; done; done"],
    });
    const workload = await makeWorkload(name, { images, packages, zooPackages, folder });
    await containerd.importImage(workload.image);
    const lists: string[] = [];
    for (let run = 0; run < RUNS; run++) {
      const { record } = await recordWorkload(host, workload);
      expect(record).toMatchObject({ complete: true, trouble: [] });
      lists.push(readFileSync(join(host.results, record.image.name ?? ""), "latin1"));
    }
    expect(lists[0]?.split("\n").length).toBeGreaterThan(200);
    expect(new Set(lists).size).toBe(1);
  });
});
