import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { compareLists } from "../../scripts/rig/compare.ts";
import { observeWorkload, recordWorkload, TAU_MIN } from "../../scripts/rig/fidelity.ts";
import { Host } from "../../scripts/rig/host.ts";
import { Images } from "../../scripts/rig/images.ts";
import { fetchPackages, fetchZooPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { makeWorkload, WORKLOADS } from "../../scripts/rig/zoo.ts";

const packages = await fetchPackages(console.error);
const zooPackages = await fetchZooPackages(console.error);
const folder = join(currentRun().folder, "images");
const images = new Images(folder, packages);

// `make fidelity` does the same on both versions, and more often.
describe("the list of a workload has what strace sees, in the same order:", () => {
  let host: Host;

  beforeAll(async () => {
    host = await Host.start({ version: "2.1", launch: "external", packages });
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  test.each(WORKLOADS)("%s", async (name) => {
    const workload = await makeWorkload(name, { images, packages, zooPackages, folder });
    await host.containerd.importImage(workload.image);
    const oracle = await observeWorkload(host.containerd, workload);
    const { list, record } = await recordWorkload(host, workload);
    const agreement = compareLists(list, oracle);
    expect(agreement).toMatchObject({ missing: [], surplus: [], recall: 1, precision: 1 });
    expect(agreement.tau).toBeGreaterThanOrEqual(TAU_MIN[workload.processes]);
    expect(list.length).toBeGreaterThan(20);
    expect(record).toMatchObject({ complete: true, trouble: [], reason: "container stopped" });
  });
});
