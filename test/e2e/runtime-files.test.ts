import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CONTAINERD_VERSIONS } from "../../scripts/rig/containerd.ts";
import { Host } from "../../scripts/rig/host.ts";
import { Images } from "../../scripts/rig/images.ts";
import type { LayerEntry } from "../../scripts/rig/layers.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { shellLayer } from "./shell-layer.ts";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);

const NAMES = [
  "appended",
  "edited",
  "over",
  "silent",
  "gone",
  "unread",
  "truncated",
  "source",
  "linked",
  "seen",
];

/** What is done to files of the image, /f/NAMES, while the recorder need not keep up. */
const CHANGES = `
echo new >> appended; cat appended
sed -i s/old/new/ edited; cat edited
cat gone; rm gone; echo new > gone; cat gone
rm unread
: > truncated
cp source copied; cat copied
cat linked; ln linked link
`;

/** The files of the image that this opens, in that order. */
const CHANGED = ["appended", "edited", "gone", "truncated", "source", "linked"];

describe.each([...CONTAINERD_VERSIONS])(
  "files that a workload changes and makes in containerd %s",
  (version) => {
    let host: Host;
    let hostOfAll: Host;

    beforeAll(async () => {
      host = await Host.start({ version, launch: "external", packages });
      hostOfAll = await Host.start({
        version,
        launch: "external",
        packages,
        config: "runtime_files = true\n",
      });
    });

    afterAll(async () => {
      await host[Symbol.asyncDispose]();
      await hostOfAll[Symbol.asyncDispose]();
    });

    /**
     * Runs shell words in /f. An event tells the name that the file has when the event is read: where a file gets another
     * name later, the word `recorded` makes the shell wait until everything so far is in the list.
     */
    async function run(host: Host, name: string, words: string) {
      const { containerd } = host;
      const files = [...NAMES, "fence"].map(
        // Two names of one image would be one to the runtime: each has a content of its own.
        (path): LayerEntry => ({ kind: "file", path: `/f/${path}`, content: `old ${name}\n` }),
      );
      const image = await images.build({
        names: [`docker.io/library/${name}:1`],
        layers: [shellLayer(packages), files],
        config: { env: ["PATH=/bin"], workingDir: "/f" },
      });
      await containerd.importImage(image);
      const recorded = "recorded() { : < fence; until [ -e /go ]; do :; done; }";
      await using container = await containerd.runContainer({
        image: image.id,
        command: ["/bin/sh", "-e", "-c", `${recorded}\n${words}`],
      });
      if (words.includes("recorded")) {
        // It is opened after all the others, and listed after them.
        await waitFor(() => host.exists(`${name}:1`) && host.list(`${name}:1`).includes("/f/fence"), {
          what: "the list to come to the fence",
          explain: () => host.log(),
        });
        mkdirSync(`/proc/${container.pid}/root/go`); // a folder: that opens nothing
      }
      expect((await container.waitExited()).exitCode).toBe(0);
      const record = await host.ended(`${name}:1`, container.id);
      expect(record).toMatchObject({ complete: true, trouble: [] });
      return { record, list: host.list(`${name}:1`) };
    }

    test("are listed once, under the names that the image has, where these were opened first", async () => {
      const { list, record } = await run(host, "changed", CHANGES);
      expect(list).toEqual(["/bin/busybox", ...CHANGED.map((name) => `/f/${name}`)]);
      expect(record.layers).toEqual([0, ...CHANGED.map(() => 1)]);
      expect(record.filter).toEqual({ kind: "image-files" });
      expect(record.counts.runtime).toBeGreaterThan(0);
    });

    test("that take the name of a file of the image, which nobody opens, are not listed", async () => {
      const { list } = await run(host, "silent", "echo new > made; recorded; mv made silent; cat seen");
      expect(list).toEqual(["/bin/busybox", "/f/fence", "/f/seen"]);
    });

    test("that take the name of a file of the image are not listed: nobody read the image's", async () => {
      const { list } = await run(host, "over", "echo new > made; recorded; mv made over; cat over; cat seen");
      expect(list).toEqual(["/bin/busybox", "/f/fence", "/f/seen"]);
    });

    test("are all listed with runtime_files = true, and the record says so", async () => {
      const { list, record } = await run(hostOfAll, "all", CHANGES);
      // sed writes a file beside the one that it edits. It may have the other's name when its event is read.
      expect(list.filter((path) => !/^\/f\/edited\w{6}$/.test(path))).toEqual([
        "/bin/busybox",
        ..."appended edited gone truncated source copied linked".split(" ").map((name) => `/f/${name}`),
      ]);
      // The name "edited" may have come first from the file beside it, which no layer has.
      const told = list.map((path, index) => [path, record.layers[index]] as const);
      expect(told.filter(([path]) => !path.startsWith("/f/edited"))).toEqual(
        list
          .filter((path) => !path.startsWith("/f/edited"))
          .map((path) => [path, path === "/bin/busybox" ? 0 : CHANGED.includes(path.slice(3)) ? 1 : -1]),
      );
      expect(record.filter).toEqual({ kind: "none", why: "runtime_files is set" });
      expect(record.counts.runtime).toBe(0);
    });
  },
);
