import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CONTAINERD_VERSIONS } from "../../scripts/rig/containerd.ts";
import { Host } from "../../scripts/rig/host.ts";
import { Images } from "../../scripts/rig/images.ts";
import type { LayerEntry } from "../../scripts/rig/layers.ts";
import type { ImageName } from "../../scripts/rig/oci.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const GIB = 2 ** 30;

/** An image with busybox as /bin/sh, and more files. */
function shellImage(name: ImageName, files: readonly LayerEntry[]) {
  const program = join(packages.busybox.folder, "bin/busybox");
  return images.build({
    names: [name],
    layers: [
      [
        { kind: "copy", path: "/bin/busybox", source: program, mode: 0o755 },
        { kind: "symlink", path: "/bin/sh", target: "busybox" },
        ...files,
      ],
    ],
    config: { env: ["PATH=/bin"] },
  });
}

function filePath(index: number): string {
  return `/files/${`${index}`.padStart(5, "0")}`;
}

function numberedFiles(count: number): LayerEntry[] {
  return Array.from({ length: count }, (_, index) => ({ kind: "file", path: filePath(index), content: "" }));
}

/** The list of a shell that opens the first `count` of them. */
function expectedList(count: number): string[] {
  return ["/bin/busybox", ...Array.from({ length: count }, (_, index) => filePath(index))];
}

/** A command that runs shell words. Opening by `: <` starts no process. */
function shell(words: string): string[] {
  return ["/bin/sh", "-c", words];
}

const openAll = "for f in /files/*; do : < $f; done";

describe.each([...CONTAINERD_VERSIONS])("results in containerd %s", (version) => {
  let host: Host;

  beforeAll(async () => {
    host = await Host.start({ version, launch: "external", packages });
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  /** Runs a container to its end. */
  async function runToEnd(image: string, words: string, userSpecifiedImage?: string) {
    await using container = await host.containerd.runContainer({
      image,
      command: shell(words),
      ...(userSpecifiedImage === undefined ? {} : { userSpecifiedImage }),
    });
    return { id: container.id, status: await container.waitExited() };
  }

  test("a list grows while its container runs, and is complete within 200 ms of its end", async () => {
    const image = await shellImage("docker.io/library/grow:1", numberedFiles(20));
    await host.containerd.importImage(image);
    await using container = await host.containerd.runContainer({
      image: image.id,
      // Each step waits for a file whose being there opens nothing.
      command: shell("n=0; for f in /files/*; do : < $f; n=$((n+1)); until [ -e /go-$n ]; do :; done; done"),
    });
    for (let step = 1; step <= 20; step++) {
      // The container goes on when its next file is in the list.
      await waitFor(() => host.exists("grow:1") && host.list("grow:1").length === step + 1, {
        what: `the list to have file ${step}`,
        explain: () => host.log(),
      });
      expect(host.list("grow:1")).toEqual(expectedList(step));
      const record = await waitFor(() => host.record("grow:1"), { what: "the record of the list" });
      expect(record).toMatchObject({ complete: false, state: "recording", ended: null });
      writeFileSync(`/proc/${container.pid}/root/go-${step}`, "");
    }
    const { finishedAt } = await container.waitExited();
    const { ended, complete } = await host.ended("grow:1", container.id);
    expect(Date.parse(ended ?? "") - Number(finishedAt / 1_000_000n)).toBeLessThan(200);
    expect(complete).toBe(true);
  });

  test("a port, and a digest alone, name the result", async () => {
    const port = await shellImage("localhost:5000/team/app:1", numberedFiles(1));
    const digest = await shellImage((value) => `ghcr.io/team/app@${value}`, numberedFiles(2));
    for (const [image, name, count] of [
      [port, "localhost:5000/team/app:1", 1],
      [digest, `ghcr.io/team/app@${digest.digest}`, 2],
    ] as const) {
      await host.containerd.importImage(image);
      const { id } = await runToEnd(image.id, openAll);
      const record = await host.ended(name, id);
      expect(host.list(name)).toEqual(expectedList(count));
      expect(record.image.name).toBe(name);
    }
  });

  test("of a tag and a digest the tag names the result, and the digest stands in the json", async () => {
    const image = await shellImage((value) => `docker.io/library/both@${value}`, numberedFiles(3));
    await host.containerd.importImage(image);
    const { id } = await runToEnd(image.id, openAll, `both:1@${image.digest}`);
    // Before 2.0, containerd does not tell what the user wrote.
    const name = version === "1.7" ? `both@${image.digest}` : "both:1";
    const record = await host.ended(name, id);
    expect(host.list(name)).toEqual(expectedList(3));
    expect(record.image.digest).toBe(image.digest);
  });

  test("names in any encoding, names with a newline, and a file of 5 GiB", async () => {
    const image = await shellImage("docker.io/library/odd:1", [
      { kind: "file", path: Buffer.from("/odd/a\xff\xe9", "latin1"), content: "" },
      { kind: "file", path: Buffer.from('/odd/b,"\n', "latin1"), content: "" },
      { kind: "file", path: "/odd/big", content: "" },
      { kind: "file", path: "/odd/x (deleted)", content: "" },
    ]);
    await host.containerd.importImage(image);
    makeLarge(host.containerd.paths.root, "odd/big", 5 * GIB);
    const { id, status } = await runToEnd(image.id, 'for f in /odd/*; do : < "$f"; done');
    expect(status.exitCode).toBe(0);
    const record = await host.ended("odd:1", id);
    expect(host.list("odd:1")).toEqual(["/bin/busybox", "/odd/a\xff\xe9", "/odd/big", "/odd/x (deleted)"]);
    expect(record.counts).toMatchObject({ listed: 4, unlistable: 1 });
    const rows = host.csv("odd:1").replace(/,\d+$/gm, ""); // without the times
    expect(rows.slice(rows.indexOf("/odd"))).toBe(
      `/odd/a\xff\xe9,0\n"/odd/b,""\n",0\n/odd/big,${5 * GIB}\n/odd/x (deleted),0\n`,
    );
  });

  test("of two containers of one image at once the first is recorded, and the log says so", async () => {
    const image = await shellImage("docker.io/library/twice:1", numberedFiles(200));
    await host.containerd.importImage(image);
    const first = await host.containerd.runContainer({
      image: image.id,
      command: shell(`${openAll}; sleep 1000`),
    });
    const second = await host.containerd.runContainer({
      image: image.id,
      command: shell("for f in /files/0000*; do : < $f; done; sleep 1000"),
    });
    await waitFor(() => host.exists("twice:1") && host.list("twice:1").length === 201, {
      what: "the first container to open its files",
    });
    await second.remove();
    await first.stop(0);
    const record = await host.ended("twice:1", first.id);
    expect(host.list("twice:1")).toEqual(expectedList(200));
    expect(record.complete).toBe(true);
    expect(host.log()).toContain(
      `container ${second.id.slice(0, 12)} (default/test/test, image docker.io/library/twice:1) is not traced: ` +
        `${host.results}/twice:1 is being recorded by another container and is kept (overwrite = false)`,
    );
    await first.remove();
  });

  test("overwrite = false keeps a list, and the log says so", async () => {
    const image = await shellImage("docker.io/library/keep:1", numberedFiles(10));
    await host.containerd.importImage(image);
    const first = await runToEnd(image.id, openAll);
    await host.ended("keep:1", first.id);
    const second = await runToEnd(image.id, ": < /files/00003");
    expect(second.status.exitCode).toBe(0);
    await waitFor(
      () => host.log().includes(`${host.results}/keep:1 exists and is kept (overwrite = false)`),
      {
        what: "the log to tell that the list is kept",
        explain: () => host.log(),
      },
    );
    expect(host.list("keep:1")).toEqual(expectedList(10));
    expect(host.record("keep:1").container.id).toBe(first.id);
  });
});

describe.each([...CONTAINERD_VERSIONS])("results in containerd %s with overwrite = true", (version) => {
  let host: Host;

  beforeAll(async () => {
    host = await Host.start({ version, launch: "pre-launched", packages, config: "overwrite = true\n" });
  });

  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  test("a shorter run leaves nothing of the older list", async () => {
    const image = await shellImage("docker.io/library/shorter:1", numberedFiles(500));
    await host.containerd.importImage(image);
    for (const [words, count] of [
      [openAll, 500],
      [": < /files/00000; : < /files/00001", 2],
    ] as const) {
      await using container = await host.containerd.runContainer({ image: image.id, command: shell(words) });
      await host.ended("shorter:1", container.id);
      expect(host.list("shorter:1")).toEqual(expectedList(count));
      expect(host.csv("shorter:1").trimEnd().split("\n")).toHaveLength(count + 2);
      expect(host.record("shorter:1").counts.listed).toBe(count + 1);
      await container.waitExited();
    }
    // The plugin's lock is there for as long as it lives.
    const results = readdirSync(host.results).filter((name) => !name.endsWith(".lock"));
    expect(results.sort()).toEqual(["shorter:1", "shorter:1.csv", "shorter:1.json"]);
  });

  // Last: this host has no plugin afterwards.
  test("SIGKILL of the plugin leaves a list that is a prefix, and containers go on starting", async () => {
    const count = 20_000;
    const image = await shellImage("docker.io/library/killed:1", numberedFiles(count));
    await host.containerd.importImage(image);
    await using container = await host.containerd.runContainer({
      image: image.id,
      command: shell("for f in /files/*; do : < $f; case $f in *00) sleep 0.01;; esac; done"),
    });
    const enough = Math.floor(Math.random() * count * 0.7);
    await waitFor(() => host.list("killed:1").length > enough, { what: `the list to have ${enough} lines` });
    process.kill(host.pluginPid(), "SIGKILL");
    expect((await container.waitExited()).exitCode).toBe(0);
    const list = host.list("killed:1");
    expect(list.length).toBeWithin(enough + 1, count); // some were opened after its death
    expect(list).toEqual(expectedList(count).slice(0, list.length));
    expect(host.record("killed:1")).toMatchObject({ complete: false, state: "recording" });
    await using next = await host.containerd.runContainer({ image: image.id, command: shell(":") });
    expect((await next.waitExited()).exitCode).toBe(0);
  });
});

/** Gives a file of an image that is unpacked, and not mounted yet, another size; it is a hole. */
function makeLarge(root: string, path: string, bytes: number): void {
  const snapshots = join(root, "io.containerd.snapshotter.v1.overlayfs/snapshots");
  for (const snapshot of readdirSync(snapshots)) {
    try {
      truncateSync(join(snapshots, snapshot, "fs", path), bytes);
      return;
    } catch {
      // another image's
    }
  }
  throw new Error(`No snapshot has the file ${path}`);
}
