import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../scripts/rig/command.ts";
import type { Container } from "../../scripts/rig/container.ts";
import { CONTAINERD_VERSIONS } from "../../scripts/rig/containerd.ts";
import { Host } from "../../scripts/rig/host.ts";
import { Images } from "../../scripts/rig/images.ts";
import type { Image } from "../../scripts/rig/oci.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);

const COUNT = 20;
const indices = Array.from({ length: COUNT }, (_, index) => index);
/** What every container opens, in this order, and what each opens besides. */
const common = ["/bin/busybox", ...indices.slice(0, 5).map((index) => `/common/${index}`)];
const own = (index: number): string => `/own/${index}`;
const listOf = (index: number): string[] => [...common, own(index)];

/** Its name is a file, too: images of the same content are one image of several names. */
function shellImage(name: string): Promise<Image> {
  const program = join(packages.busybox.folder, "bin/busybox");
  return images.build({
    names: [name],
    layers: [
      [
        { kind: "copy", path: "/bin/busybox", source: program, mode: 0o755 },
        { kind: "symlink", path: "/bin/sh", target: "busybox" },
        ...[...common.slice(1), ...indices.map(own), `/name/${name}`].map(
          (path) => ({ kind: "file", path, content: "" }) as const,
        ),
      ],
    ],
    config: { env: ["PATH=/bin"] },
  });
}

/** The pods of five workloads, four each, with the labels that their controllers give them. */
const workloads = ["web", "api", "db", "backup", "agent"] as const;
const workloadOf = (index: number) => workloads[index % workloads.length] ?? "web";

function podOf(index: number): { podName: string; podLabels: Record<string, string> } {
  const workload = workloadOf(index);
  const end = `abcd${Math.floor(index / workloads.length)}`;
  switch (workload) {
    case "web":
    case "api":
      return { podName: `${workload}-5d9c7b8f4-${end}`, podLabels: { "pod-template-hash": "5d9c7b8f4" } };
    case "db": {
      const podName = `db-${Math.floor(index / workloads.length)}`;
      return {
        podName,
        podLabels: { "statefulset.kubernetes.io/pod-name": podName, "controller-revision-hash": "db-7f9d" },
      };
    }
    case "backup":
      return { podName: `backup-28900123-${end}`, podLabels: { "job-name": "backup-28900123" } };
    case "agent":
      return { podName: `agent-${end}`, podLabels: { "controller-revision-hash": "7f9d" } };
  }
}

const image = "docker.io/library/many:1";
const modes = [
  ["2.1", "external", "keep"],
  ["2.1", "external", "overwrite"],
  ["2.1", "pre-launched", "merge"],
] as const;
const matrix = [
  ...modes.flatMap((mode) => (["image", "workload"] as const).map((per) => [...mode, per] as const)),
  ["1.7", "pre-launched", "merge", "workload"] as const,
];

describe.each(matrix)(
  "twenty containers of one image at once, containerd %s, %s: %s, a list for each %s",
  (version, launch, mode, per) => {
    let host: Host;
    let containers: readonly Container[];
    const names =
      per === "image" ? ["many:1"] : workloads.map((each) => `_workloads/default/${each}/app/many:1`);
    /** The containers that the result of a name is about. */
    const indicesOf = (name: string) =>
      indices.filter((index) => per === "image" || name.includes(`/${workloadOf(index)}/`));

    beforeAll(async () => {
      const config = `list_per = "${per}"\n${mode === "keep" ? "" : `${mode} = true\n`}`;
      host = await Host.start({ version, launch, packages, config });
      const { id } = await host.containerd.importImage(await shellImage(image));
      const gate = mkdtempSync(join(currentRun().folder, "gate-"));
      await run(["mkfifo", join(gate, "fifo")]);
      containers = await Promise.all(
        indices.map((index) =>
          host.containerd.runContainer({
            image: id,
            name: "app",
            ...podOf(index),
            mounts: [{ hostPath: gate, containerPath: "/gate" }],
            // Opening the pipe waits for its other end.
            command: [
              "/bin/sh",
              "-c",
              `: < /gate/fifo; for f in /common/*; do : < $f; done; : < ${own(index)}`,
            ],
          }),
        ),
      );
      const fd = openSync(join(gate, "fifo"), "r+");
      const ended = await Promise.all(containers.map((container) => container.waitExited()));
      closeSync(fd);
      expect(ended.map(({ exitCode }) => exitCode)).toEqual(indices.map(() => 0));
      // With the last result there is no temporary file any more, but for the plugin's lock.
      await waitFor(
        () => files(host.results).every((name) => !name.includes("optimizer-")) && names.every(isDone),
        {
          what: "all results to be complete",
          explain: () => `${files(host.results).join("\n")}\n${host.log()}`,
        },
      );
    });

    afterAll(async () => {
      await host[Symbol.asyncDispose]();
    });

    function isDone(name: string): boolean {
      if (!host.exists(`${name}.json`)) return false;
      const { state, merged } = host.record(name);
      return mode === "merge" ? merged?.runs === indicesOf(name).length : state === "ended";
    }

    test("leaves these files and no other", () => {
      expect(files(host.results)).toEqual(
        names.flatMap((name) => [name, `${name}.csv`, `${name}.json`]).toSorted(),
      );
    });

    test("every list is what the rules say, to the line", () => {
      for (const name of names) {
        const record = host.record(name);
        expect(record).toMatchObject({ complete: true, trouble: [], image: { name: "many:1" } });
        const list = host.list(name);
        if (mode === "merge") {
          const ofAll = indicesOf(name);
          expect(list.slice(0, common.length)).toEqual(common);
          expect(list.slice(common.length).toSorted()).toEqual(ofAll.map(own).toSorted());
          expect(record.merged?.hits).toEqual([...common.map(() => ofAll.length), ...ofAll.map(() => 1)]);
        } else {
          const index = containers.findIndex(({ id }) => id === record.container.id);
          expect(indicesOf(name)).toContain(index);
          expect(list).toEqual(listOf(index));
        }
        const rows = host.csv(name).trimEnd().split("\n");
        expect(rows.map((row) => row.split(",")[0])).toEqual(["path", ...list]);
        expect(record.layers).toEqual(list.map(() => 0));
        expect(record.counts.listed).toBe(list.length);
      }
    });

    if (launch === "external") {
      test("the log tells what became of the others", () => {
        const told = mode === "keep" ? "and is kept (overwrite = false)" : "(superseded)";
        const lines = host.log().split("\n");
        const count = lines.filter((line) => line.includes(told)).length;
        // Of many warnings of one kind the log sums up the last ones.
        if (mode === "keep") expect(count).toBe(COUNT - names.length);
        else expect(count).toBeWithin(1, COUNT - names.length + 1);
      });
    }

    test("list and show find them", async () => {
      const program = join(ROOT, "dist/optimizer");
      const listed = JSON.parse(await run([program, "list", "--json", "--persist-dir", host.results]));
      expect(listed.map(({ name }: { name: string }) => name)).toEqual(names.toSorted());
      const show = (name: string) => run([program, "show", name, "--json", "--persist-dir", host.results]);
      for (const name of names) expect(JSON.parse(await show(name)).name).toBe(name);
      if (per === "workload")
        await expect(show("many:1")).rejects.toThrow(/"many:1" has 5 results; name one of them:/);
    });
  },
);

describe.each([...CONTAINERD_VERSIONS])("init containers in containerd %s", (version) => {
  const shell = (words: string) => ["/bin/sh", "-c", words];

  test.each(["image", "workload"] as const)(
    "are traced like the others, with a list for each %s",
    async (per) => {
      await using host = await Host.start({
        version,
        launch: "external",
        packages,
        config: `list_per = "${per}"\n`,
      });
      const app = await host.containerd.importImage(await shellImage("docker.io/library/app:1"));
      const tools =
        per === "workload"
          ? app
          : await host.containerd.importImage(await shellImage("docker.io/library/tools:1"));
      await using init = await host.containerd.runContainer({
        image: tools.id,
        name: "setup",
        podName: "db-0",
        podNamespace: "prod",
        podLabels: { "statefulset.kubernetes.io/pod-name": "db-0" },
        command: shell(`: < ${own(1)}`),
      });
      await init.waitExited();
      await using main = await host.containerd.runContainer({
        image: app.id,
        name: "server",
        inPodOf: init,
        command: shell(`: < ${own(2)}`),
      });
      await main.waitExited();
      const [first, second] =
        per === "image"
          ? ["tools:1", "app:1"]
          : ["_workloads/prod/db/setup/app:1", "_workloads/prod/db/server/app:1"];
      await host.ended(first, init.id);
      await host.ended(second, main.id);
      expect(host.list(first)).toEqual(["/bin/busybox", own(1)]);
      expect(host.list(second)).toEqual(["/bin/busybox", own(2)]);
    },
  );

  test("are left out where the configuration says so", async () => {
    const config =
      'include = ["namespace=prod", "image=app:*"]\nexclude = ["container=setup", "label=trace=no"]\n';
    await using host = await Host.start({ version, launch: "external", packages, config });
    const { id } = await host.containerd.importImage(await shellImage("docker.io/library/app:1"));
    const start = (name: string, podNamespace: string, podLabels = {}) =>
      host.containerd.runContainer({
        image: id,
        name,
        podNamespace,
        podLabels,
        command: shell(`: < ${own(2)}`),
      });
    for (const [name, namespace, labels] of [
      ["setup", "prod", {}],
      ["server", "dev", {}],
      ["server", "prod", { trace: "no" }],
    ] as const) {
      await (await start(name, namespace, labels)).waitExited();
    }
    await using selected = await start("server", "prod", { trace: "yes" });
    await host.ended("app:1", selected.id);
    expect(host.log()).toContain(
      "info traced are containers with image=app:* and namespace=prod, without container=setup or label=trace=no\n",
    );
    expect(host.log()).not.toContain("is not traced");
  });
});

/** All files below a folder, by their path from there. */
function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.endsWith(".lock")) // the plugin's own
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}
