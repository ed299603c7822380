import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { convertToEstargz, layerEntries, makeSquashfs } from "../../scripts/rig/builders.ts";
import { run } from "../../scripts/rig/command.ts";
import { Host } from "../../scripts/rig/host.ts";
import { Images, NGINX_PID_FILE } from "../../scripts/rig/images.ts";
import type { Image } from "../../scripts/rig/oci.ts";
import { fetchBuilderPackages, fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { Snapshot } from "../../scripts/rig/snapshot.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { SquashfsImage } from "../helpers/squashfs-image.ts";

const packages = await fetchPackages(console.error);
const builders = await fetchBuilderPackages(console.error);
const { folder } = currentRun();
const images = new Images(join(folder, "images"), packages);

const NAME = "nginx:latest";
const LANDMARK = ".prefetch.landmark"; // what lies before it is fetched before the container starts
const TOC = "stargz.index.json"; // the table of contents ends a layer
const CONTENT_MAX = 64 * 1024; // of a file; less than a block, so that it lies in one piece

describe("builders that are given the list of nginx", () => {
  let host: Host;
  let image: Image;
  let list: string[];

  beforeAll(async () => {
    // Both versions will do: ctr-remote speaks to either.
    host = await Host.start({ version: "2.1", launch: "external", packages });
    const { containerd } = host;
    image = await containerd.importImage(await images.nginx());
    await using container = await containerd.runContainer({ image: image.id });
    const pidFile = `/proc/${container.pid}/root${NGINX_PID_FILE}`;
    await waitFor(() => existsSync(pidFile), { what: "nginx to listen" });
    await container.stop();
    expect((await host.ended(NAME, container.id)).complete).toBe(true);
    list = host.list(NAME);
    expect(list.length).toBeGreaterThan(20);
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  /** Exports the list, and returns the file. */
  async function exportList(format: string): Promise<string> {
    const file = join(folder, `list.${format}`);
    const program = join(ROOT, "dist/optimizer");
    await run([program, "export", join(host.results, NAME), "--format", format, "-o", file]);
    return file;
  }

  test("ctr-remote puts the listed files of each layer before its landmark, in the list's order", async () => {
    const { containerd } = host;
    const manifest = await convertToEstargz({
      ...{ containerd, builders, from: `docker.io/library/${NAME}`, to: "docker.io/library/nginx:estargz" },
      recordIn: await exportList("estargz"),
    });
    const before = await layerEntries(containerd, image.digest);
    const after = await layerEntries(containerd, manifest);
    const fronts = before.map((entries) => expectedFront(list, entries));
    expect(after).toEqual(
      before.map((entries, layer) => {
        const front = fronts[layer] ?? [];
        return [...front, LANDMARK, ...entries.filter((name) => !front.includes(name)), TOC];
      }),
    );
    // Each file stands in front in the layer that a container sees it of, and where it is hidden too.
    for (const [line, layer] of host.record(NAME).layers.entries()) {
      expect(fronts[layer]).toContain(list[line]?.slice(1) ?? "");
    }
    // All this would prove nothing if the layers had had this order already.
    for (const [layer, front] of fronts.entries()) {
      const files = front.filter((name) => !name.endsWith("/"));
      expect(before[layer]?.filter((name) => files.includes(name))).not.toEqual(files);
    }
  });

  test("mksquashfs lays the data of the listed files before all other, in the list's order", async () => {
    await using snapshot = await Snapshot.mount(host.containerd, image);
    // Without packing, a file's bytes can be looked at where they are said to lie. Without fragments, no end of a file lies
    // in a block that it shares with others; without a search for duplicates, no two files share all their data.
    const plain = ["-noI", "-noD", "-no-fragments", "-no-duplicates"];
    const make = async (name: string, args: readonly string[]) => {
      await makeSquashfs(builders, snapshot.folder, join(folder, name), [...plain, ...args]);
      return new SquashfsImage(join(folder, name));
    };
    using sorted = await make("sorted", ["-sort", await exportList("squashfs")]);
    using unsorted = await make("unsorted", []);

    const laidOut = byPosition(sorted);
    expect(laidOut.length).toBeGreaterThan(10 * list.length);
    expect(laidOut.slice(0, list.length)).toEqual(list);
    for (const path of list) {
      const content = readFileSync(join(snapshot.folder, path)).subarray(0, CONTENT_MAX);
      const { position } = sorted.files.get(path) ?? { position: 0 };
      expect(sorted.read(position, content.length).equals(content)).toBe(true);
    }
    // On its own it would have laid out the same files in another order, and between others.
    const onItsOwn = byPosition(unsorted);
    expect(onItsOwn.toSorted()).toEqual(laidOut.toSorted());
    expect(onItsOwn.filter((path) => list.includes(path))).not.toEqual(list);
    expect(onItsOwn.slice(0, list.length).toSorted()).not.toEqual(list.toSorted());
  });
});

/**
 * What ctr-remote puts first in a layer: of the files in the list those that this layer has, each behind the folders that
 * it lies in, as far as they are not there yet. It does not follow symbolic links, and need not: a list names what they
 * lead to. The first name of a file with several would come before the listed one; nginx opens no such file.
 */
function expectedFront(list: readonly string[], entries: readonly string[]): string[] {
  const names = list.map((path) => path.slice(1)).filter((name) => entries.includes(name));
  return [...new Set(names.flatMap((name) => [...foldersOf(name), name]))];
}

/** "a/b/c" lies in "a/" and "a/b/". */
function foldersOf(name: string): string[] {
  const parts = name.split("/");
  return parts.slice(1).map((_, index) => `${parts.slice(0, index + 1).join("/")}/`);
}

/** The files that have data, in the order in which it lies in the image. */
function byPosition({ files }: SquashfsImage): string[] {
  return [...files]
    .filter(([, { size }]) => size > 0)
    .sort(([, one], [, other]) => one.position - other.position)
    .map(([path]) => path);
}
