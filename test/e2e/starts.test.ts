import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { CONTAINERD_VERSIONS } from "../../scripts/rig/containerd.ts";
import { Host } from "../../scripts/rig/host.ts";
import { Images, STATIC_FILES } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";

const HOGS = 4;
const NAME = "static:latest";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const expected = [
  "/static",
  ...Array.from({ length: STATIC_FILES }, (_, index) => `/data/${`${index}`.padStart(3, "0")}`),
];

describe.each([...CONTAINERD_VERSIONS])(
  "a program that opens its files at once, in containerd %s",
  (version) => {
    let host: Host;

    beforeAll(async () => {
      host = await Host.start({ version, launch: "pre-launched", packages, config: "overwrite = true\n" });
      await host.containerd.importImage(await images.static());
    });

    afterAll(async () => {
      await host[Symbol.asyncDispose]();
    });

    test.each([
      [100, "on an idle machine", 0],
      [30, `with ${HOGS} busy loops beside it`, HOGS],
    ])(
      "has all of them listed in %d starts in a row, %s",
      async (starts, _, hogs) => {
        await using _load = startHogs(hogs);
        const image = (await images.static()).id;
        for (let start = 0; start < starts; start++) {
          const container = await host.containerd.runContainer({ image });
          await container.waitExited(); // removing it earlier races with containerd's own clearing up
          const record = await host.ended(NAME, container.id);
          expect({ start, list: host.list(NAME), complete: record.complete }).toEqual({
            start,
            list: expected,
            complete: true,
          });
          await container.remove();
        }
      },
      300_000,
    );
  },
);

function startHogs(count: number): AsyncDisposable {
  const hogs = Array.from({ length: count }, () => Bun.spawn(["sh", "-c", "while :; do :; done"]));
  return {
    async [Symbol.asyncDispose]() {
      for (const hog of hogs) hog.kill("SIGKILL");
      await Promise.all(hogs.map((hog) => hog.exited));
    },
  };
}
