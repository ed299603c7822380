import { describe, expect } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Config } from "../../src/config.ts";
import { inTurn } from "../../src/record/disk-turns.ts";
import { findResults } from "../../src/results/find-results.ts";
import type { ContainerInfo } from "../../src/session/container.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { rootTest } from "../helpers/root.ts";
import {
  type Bench,
  bench,
  files,
  info,
  json,
  label,
  list,
  names,
  runtime,
} from "../helpers/session-bench.ts";
import { storageForms, storageRoot } from "../helpers/storage-root.ts";
import { waitFor } from "../helpers/wait-for.ts";

const threeFiles = ["nginx:latest", "nginx:latest.csv", "nginx:latest.json"];

describe("Sessions", () => {
  rootTest("start() and stop() make list, table and provenance", async () => {
    await using its = await bench();
    const { folder, sessions, lines } = its;
    const container = await its.start("c1", {}, [{ "/a": "a" }, { "/b": "bb" }]);
    expect(sessions.size).toBe(1);
    await container.tell("open", "/b", "/a");
    await container.tell("write", "/new", "x");
    await container.tell("open", "/new");
    await container.end();
    await sessions.stop("c1");
    expect(sessions.size).toBe(0);
    expect(its.tracer.active).toBe(0);
    expect(names(folder)).toEqual(threeFiles);
    expect(list(folder)).toBe("/b\n/a\n");
    expect(list(folder, "nginx:latest.csv")).toMatch(/^path,size,elapsed\n\/b,2,\d+\n\/a,1,\d+\n$/);
    expect(json(folder)).toMatchObject({
      complete: true,
      state: "ended",
      reason: "container stopped",
      trouble: [],
      image: { reference: "docker.io/library/nginx:latest", name: "nginx:latest" },
      container: { id: "c1", name: "web", pod: { name: "pod", namespace: "default", uid: "u" } },
      runtime,
      filter: { kind: "image-files" },
      counts: { listed: 2, listedBytes: 3, runtime: 1 },
      layerCount: 2,
      layers: [1, 0],
    });
    expect(lines).toEqual([
      `info ${label("c1")}: 2 files, 3 B: ${folder.at("lists/nginx:latest")} (container stopped)`,
    ]);
  });

  rootTest("a file of the image that the container replaces or deletes at once is listed", async () => {
    await using its = await bench();
    const container = await its.start("c1");
    for (const path of ["/b", "/a"]) {
      await container.tell("open", path);
      await container.tell("write", "/new", "changed");
      await container.tell("rename", "/new", path);
      await container.tell("open", path);
    }
    await container.tell("open", "/c");
    await container.tell("unlink", "/c");
    await its.sessions.stop("c1");
    expect(list(its.folder)).toMatch(/^\/b\n(\/a\n\/c|\/c\n\/a)\n$/);
  });

  rootTest("a file that takes the place of one of the image in the first moment is not listed", async () => {
    await using its = await bench();
    for (let round = 0; round < 12; round++) {
      await using container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
      const name = `round:${round}`;
      await its.sessions.start(info(name, container, { imageReference: name }), its.config(), runtime);
      await container.tell("write", "/new", "changed");
      await container.tell("rename", "/new", "/a");
      await container.tell("open", "/a", "/b");
      await its.sessions.stop(name);
      expect({ round, list: list(its.folder, name) }).toEqual({ round, list: "/b\n" });
    }
  });

  rootTest("readable gives sizes and times for people", async () => {
    await using its = await bench();
    const container = await its.start("c1", { readable: true });
    await container.tell("open", "/c");
    await its.sessions.stop("c1");
    expect(list(its.folder, "nginx:latest.csv")).toMatch(/^path,size,elapsed\n\/c,3 B,[\d.]+(us|ms|s)\n$/);
  });

  rootTest("a container that opens nothing leaves no file, which is logged", async () => {
    await using its = await bench();
    await its.start("c1");
    await its.sessions.stop("c1");
    expect(readdirSync(its.folder.at("lists"))).toEqual([]);
    expect(its.lines).toEqual([`info ${label("c1")}: 0 files, 0 B: nothing was written (container stopped)`]);
  });

  for (const form of storageForms) {
    rootTest(`files of the image only, with layers by links that are ${form} (CRI-O, Podman)`, async () => {
      await using its = await bench();
      const layers = [{ "/a": "a", "/b": "b", "/c": "c" }, { "/b": "bb" }, { "/d": "d", "/e": "e" }];
      using root = storageRoot(its.folder.at("overlay"), layers, form);
      await using container = await heldContainer(root.options);
      await its.sessions.start(info("c1", container), its.config(), runtime);
      await container.tell("write", "/new", "x");
      await container.tell("open", "/new", "/b", "/d");
      await container.tell("rename", "/new", "/a");
      await container.tell("open", "/a", "/c");
      await container.tell("rename", "/e", "/moved");
      await container.tell("open", "/moved");
      await its.sessions.stop("c1");
      expect(list(its.folder)).toBe("/b\n/d\n/c\n/e\n");
      expect(json(its.folder)).toMatchObject({
        complete: true,
        filter: { kind: "image-files" },
        layerCount: 3,
        layers: [1, 2, 0, 2],
      });
      expect(its.lines.filter((line) => !line.startsWith("info"))).toEqual([]);
    });
  }

  rootTest("a root that is no overlay is listed whole, and the provenance tells why", async () => {
    await using its = await bench();
    const root = { kind: "mount", fsType: "tmpfs", options: [] } as const;
    await using container = await heldContainer({ root });
    await container.tell("write", "/file", "text");
    await its.sessions.start(info("c1", container), its.config(), runtime);
    await container.tell("open", "/file");
    await its.sessions.stop("c1");
    expect(list(its.folder)).toBe("/file\n");
    expect(json(its.folder)).toMatchObject({
      complete: true,
      filter: { kind: "none", why: "the root file system is tmpfs, not overlay" },
      layerCount: null,
      layers: null,
    });
  });

  rootTest("an image whose files cannot be told from others is named in the log, once", async () => {
    await using its = await bench();
    const root = { kind: "mount", fsType: "tmpfs", options: [] } as const;
    const references = ["app:1", "app:1", "other:1", "app:1", ""];
    for (const [index, imageReference] of references.entries()) {
      await using container = await heldContainer({ root });
      await its.sessions.start(info(`c${index}`, container, { imageReference }), its.config(), runtime);
      await its.sessions.stop(`c${index}`);
    }
    const why = "files made at run time are listed as well, since the root file system is tmpfs, not overlay";
    expect(its.lines.filter((line) => line.startsWith("warn"))).toEqual([
      `warn image "app:1": ${why}`,
      `warn image "other:1": ${why}`,
      `warn container "web": ${why}`,
    ]);
    expect(its.sessions.counts()).toMatchObject({ traced: 5, unfiltered: 5 });
  });

  rootTest("nothing is said where files made at run time are wanted, or are told from others", async () => {
    await using its = await bench();
    await using container = await heldContainer({ root: { kind: "mount", fsType: "tmpfs", options: [] } });
    await its.sessions.start(info("c1", container), its.config({ runtimeFiles: true }), runtime);
    await its.sessions.stop("c1");
    await its.start("c2");
    await its.sessions.stop("c2");
    expect(its.lines.filter((line) => !line.startsWith("info"))).toEqual([]);
    expect(its.sessions.counts()).toMatchObject({ traced: 2, unfiltered: 0 });
  });

  rootTest("layers that are out of sight are said in the log, with what is missing", async () => {
    await using its = await bench();
    const layer = its.folder.at("layer");
    mkdirSync(layer);
    await using container = await heldContainer({ root: { kind: "overlay", layers: [layer] } });
    renameSync(layer, its.folder.at("elsewhere"));
    await its.sessions.start(info("c1", container), its.config(), runtime);
    await container.tell("write", "/file", "text");
    await container.tell("open", "/file");
    await its.sessions.stop("c1");
    const why = `the overlay's layers are not visible in this mount namespace (no "${layer}")`;
    expect(its.lines[0]).toBe(
      `warn image "docker.io/library/nginx:latest": files made at run time are listed as well, since ${why}`,
    );
    expect(list(its.folder)).toBe("/file\n");
    expect(json(its.folder).filter).toEqual({ kind: "none", why });
  });

  rootTest("two containers of one image with overwrite = false: the first one's list is kept", async () => {
    await using its = await bench();
    const first = await its.start("c1");
    const second = await its.start("c2");
    expect(its.sessions.size).toBe(1);
    await first.tell("open", "/a");
    await second.tell("open", "/b");
    await its.sessions.stop("c2");
    await its.sessions.stop("c1");
    const third = await its.start("c3");
    await third.tell("open", "/c");
    await its.sessions.stop("c3");
    expect(list(its.folder)).toBe("/a\n");
    expect(json(its.folder).container.id).toBe("c1");
    const path = its.folder.at("lists/nginx:latest");
    expect(its.lines).toEqual([
      `info ${label("c2")} is not traced: ${path} is being recorded by another container and is kept (overwrite = false)`,
      `info ${label("c1")}: 1 file, 1 B: ${path} (container stopped)`,
      `info ${label("c3")} is not traced: ${path} exists and is kept (overwrite = false)`,
    ]);
  });

  rootTest(
    "two containers of one image with overwrite = true: the later one's list replaces the other",
    async () => {
      await using its = await bench();
      const first = await its.start("c1", { overwrite: true });
      await first.tell("open", "/a", "/b", "/c");
      const second = await its.start("c2", { overwrite: true });
      await waitFor("the first to be superseded", () => its.sessions.size === 1);
      await second.tell("open", "/b");
      await first.tell("open", "/a");
      await its.sessions.stop("c1");
      await its.sessions.stop("c2");
      expect(list(its.folder)).toBe("/b\n");
      expect(json(its.folder)).toMatchObject({ complete: true, container: { id: "c2" } });
      expect(names(its.folder)).toEqual(threeFiles);
      const path = its.folder.at("lists/nginx:latest");
      expect(its.lines).toEqual([
        `info ${label("c1")}: 3 files, 6 B: ${path} (superseded): a newer container's list takes its place`,
        `info ${label("c2")}: 1 file, 2 B: ${path} (container stopped)`,
      ]);
      expect(its.sessions.counts()).toMatchObject({
        ended: { superseded: 1, "container stopped": 1 },
        incomplete: 0,
      });
    },
  );

  rootTest("a list with holes is a warning, and counts, even when a newer one takes its place", async () => {
    await using its = await bench();
    const first = await its.start("c1", { overwrite: true });
    await first.tell("open", "/a");
    its.tracer.stop();
    await its.sessions.endAll("superseded");
    expect(its.lines).toHaveLength(1);
    expect(its.lines[0]).toStartWith(`warn ${label("c1")}: `);
    expect(its.lines[0]).toEndWith(" (superseded); the list is not complete: tracer ended");
    expect(its.sessions.counts()).toMatchObject({ ended: { superseded: 1 }, incomplete: 1 });
  });

  rootTest(
    "many containers of one image that start at once with overwrite = true: one list is left, of one of them",
    async () => {
      await using its = await bench();
      const paths = ["/1", "/2", "/3", "/4", "/5", "/6"];
      const layer = Object.fromEntries(paths.map((path) => [path, ""]));
      const containers = await Promise.all(
        paths.map((path) => its.start(path.slice(1), { overwrite: true }, [layer])),
      );
      await waitFor("all but one to be superseded", () => its.sessions.size === 1);
      await Promise.all(containers.map((container, index) => container.tell("open", paths[index] ?? "")));
      await Promise.all(paths.map((path) => its.sessions.stop(path.slice(1))));
      const { container, complete } = json(its.folder);
      expect(list(its.folder)).toBe(`/${container.id}\n`);
      expect(complete).toBe(true);
      expect(names(its.folder)).toEqual(threeFiles);
    },
  );

  rootTest("containers of different images do not meet", async () => {
    await using its = await bench();
    await using one = await heldContainer({ root: { kind: "overlay", layers: [files] } });
    await using other = await heldContainer({ root: { kind: "overlay", layers: [files] } });
    await Promise.all([
      its.sessions.start(info("c1", one), its.config(), runtime),
      its.sessions.start(info("c2", other, { imageReference: "ghcr.io/org/app:1" }), its.config(), runtime),
    ]);
    await one.tell("open", "/a");
    await other.tell("open", "/b");
    await Promise.all([its.sessions.stop("c1"), its.sessions.stop("c2")]);
    expect(list(its.folder)).toBe("/a\n");
    expect(list(its.folder, "ghcr.io/org/app:1")).toBe("/b\n");
  });

  rootTest("a second start() of a container changes nothing", async () => {
    await using its = await bench();
    const container = await its.start("c1");
    await container.tell("open", "/a");
    await its.sessions.start(info("c1", container), its.config({ overwrite: true }), runtime);
    expect(its.sessions.size).toBe(1);
    await container.tell("open", "/b");
    await its.sessions.stop("c1");
    expect(list(its.folder)).toBe("/a\n/b\n");
    expect(its.lines).toHaveLength(1);
  });

  rootTest("stop() of a container that is not traced, or twice, does nothing", async () => {
    await using its = await bench();
    await its.sessions.stop("nobody");
    const container = await its.start("c1");
    await container.tell("open", "/a");
    await Promise.all([its.sessions.stop("c1"), its.sessions.stop("c1")]);
    await its.sessions.stop("c1");
    expect(its.lines).toHaveLength(1);
  });

  rootTest("stop() while the start is under way ends the session once it is there", async () => {
    await using its = await bench();
    await using container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
    const started = its.sessions.start(info("c1", container), its.config(), runtime);
    await its.sessions.stop("c1");
    await started;
    await waitFor("the session to end", () => its.sessions.size === 0);
    expect(its.tracer.active).toBe(0);
    expect(its.lines).toEqual([`info ${label("c1")}: 0 files, 0 B: nothing was written (container stopped)`]);
  });

  rootTest("timeout ends the trace, which is complete, and later opens do not count", async () => {
    await using its = await bench();
    const container = await its.start("c1", { timeoutSeconds: 0.2 });
    await container.tell("open", "/a");
    await waitFor("the timeout", () => its.sessions.size === 0);
    await container.tell("open", "/b");
    await its.sessions.stop("c1");
    expect(list(its.folder)).toBe("/a\n");
    expect(json(its.folder)).toMatchObject({ complete: true, reason: "timeout" });
  });

  rootTest("endAll() completes all results as incomplete", async () => {
    await using its = await bench();
    const container = await its.start("c1");
    await container.tell("open", "/a");
    await its.sessions.endAll("connection lost");
    expect(its.sessions.size).toBe(0);
    expect(list(its.folder)).toBe("/a\n");
    expect(json(its.folder)).toMatchObject({ complete: false, reason: "connection lost" });
    expect(its.lines).toEqual([
      `warn ${label("c1")}: 1 file, 1 B: ${its.folder.at("lists/nginx:latest")} (connection lost); ` +
        "the list is not complete: connection lost",
    ]);
  });

  rootTest("endAll() ends a trace that is just beginning, for its own reason", async () => {
    await using its = await bench();
    await using container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
    const started = its.sessions.start(info("c1", container), its.config(), runtime);
    await its.sessions.endAll("connection lost");
    expect(its.sessions.size).toBe(0);
    expect(its.tracer.active).toBe(0);
    await started;
    expect(its.lines).toEqual([
      `warn ${label("c1")}: 0 files, 0 B: nothing was written (connection lost); the list is not complete: connection lost`,
    ]);
  });

  for (const [when, begin] of [
    ["were told", (starts: Promise<void>[]) => Promise.all(starts)],
    ["are being told", async () => {}],
  ] as const) {
    rootTest(`endAll() waits for the notes of 20 containers whose starts ${when}`, async () => {
      await using its = await bench();
      const tags = Array.from({ length: 20 }, (_, index) => `${index}`);
      const starts = tags.map((tag) => {
        const container = info(`c${tag}`, process, { imageReference: `nginx:${tag}` });
        return its.sessions.start(container, its.config(), runtime);
      });
      await begin(starts);
      await its.sessions.endAll("connection lost");
      expect(names(its.folder)).toEqual(tags.map((tag) => `nginx:${tag}.json`).toSorted());
      for (const tag of tags) {
        const trouble = [`Cannot trace process ${process.pid}: its root is the host's own`];
        expect(json(its.folder, `nginx:${tag}`)).toMatchObject({ complete: false, trouble });
      }
    });
  }

  rootTest(
    "start() does not wait for the note of a container that is not traced, endAll() does",
    async () => {
      await using its = await bench();
      const disk = Promise.withResolvers<void>();
      const busy = Array.from({ length: 100 }, () => inTurn(() => disk.promise));
      await its.sessions.start(info("c1", process), its.config(), runtime);
      const ended = its.sessions.endAll("terminated");
      expect(names(its.folder)).toEqual([]);
      disk.resolve();
      await Promise.all([...busy, ended]);
      expect(names(its.folder)).toEqual(["nginx:latest.json"]);
    },
  );

  rootTest("an image that is taken away before all is read makes the list incomplete", async () => {
    await using its = await bench();
    const layer = its.folder.at("layer");
    mkdirSync(layer);
    writeFileSync(join(layer, "a"), "a");
    const container = await its.start("c1", {}, [layer]);
    await container.tell("open", "/a");
    renameSync(layer, its.folder.at("gone"));
    await its.sessions.stop("c1");
    expect(json(its.folder)).toMatchObject({
      complete: false,
      trouble: expect.arrayContaining(["the image's layers were gone before all its files could be told"]),
    });
  });

  rootTest("the end of the tracer makes the list incomplete", async () => {
    await using its = await bench();
    const container = await its.start("c1");
    await container.tell("open", "/a");
    await its.sessions.stop("none");
    its.tracer.stop();
    await its.sessions.stop("c1");
    expect(its.lines).toHaveLength(1);
    expect(its.lines[0]).toEndWith("the list is not complete: tracer ended");
  });

  for (const [what, reference, name] of [
    ["no image", "", "_unnamed/web"],
    ["an image id", `sha256:${"a".repeat(64)}`, "_unnamed/web"],
    ["a path upwards", "../../../etc/passwd", "_unnamed/web"],
  ] as const) {
    rootTest(`a container with ${what} gets the name ${name}`, async () => {
      await using its = await bench();
      await using container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
      await its.sessions.start(info("c1", container, { imageReference: reference }), its.config(), runtime);
      await container.tell("open", "/a");
      await its.sessions.stop("c1");
      expect(list(its.folder, name)).toBe("/a\n");
      expect(json(its.folder, name).image).toEqual({ reference });
    });
  }
});

describe("Sessions of a configuration", () => {
  /** Starts a container, lets it open these paths, and ends it. */
  async function runOne(
    its: Bench,
    id: string,
    more: Partial<ContainerInfo>,
    config: Partial<Config>,
    ...paths: string[]
  ) {
    await using container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
    await its.sessions.start(info(id, container, more), its.config(config), runtime);
    await container.tell("open", ...paths);
    await its.sessions.stop(id);
  }

  rootTest("that does not select a container neither trace nor mention it", async () => {
    await using its = await bench();
    const config: Partial<Config> = { exclude: [{ kind: "label", glob: "trace=no" }] };
    await runOne(its, "c1", { labels: { trace: "no" } }, config, "/a");
    expect(existsSync(its.folder.at("lists"))).toBe(false);
    expect(its.lines).toEqual([]);
    await runOne(its, "c2", { labels: { trace: "yes" } }, config, "/b");
    expect(list(its.folder)).toBe("/b\n");
  });

  rootTest("with a list for each workload keep the first run of each", async () => {
    await using its = await bench();
    const podOf = (name: string, namespace: string) => ({
      pod: { name, namespace, uid: "u", labels: { "pod-template-hash": "5d9c7b8f4" } },
    });
    const config: Partial<Config> = { listPer: "workload" };
    await runOne(its, "c1", podOf("web-5d9c7b8f4-aaaaa", "prod"), config, "/a");
    await runOne(its, "c2", podOf("web-5d9c7b8f4-bbbbb", "prod"), config, "/b");
    await runOne(its, "c3", podOf("api-5d9c7b8f4-aaaaa", "prod"), config, "/b");
    await runOne(its, "c4", podOf("web-5d9c7b8f4-aaaaa", "dev"), config, "/c");
    await runOne(its, "c5", { ...podOf("web-5d9c7b8f4-aaaaa", "dev"), imageReference: "" }, config, "/c");
    expect(findResults(its.folder.at("lists")).map(({ name }) => [name, list(its.folder, name)])).toEqual([
      ["_workloads/dev/web/web/_unnamed", "/c\n"],
      ["_workloads/dev/web/web/nginx:latest", "/c\n"],
      ["_workloads/prod/api/web/nginx:latest", "/b\n"],
      ["_workloads/prod/web/web/nginx:latest", "/a\n"],
    ]);
    // Labels stay out of the record.
    expect(json(its.folder, "_workloads/prod/web/web/nginx:latest").container).toEqual({
      id: "c1",
      name: "web",
      pod: { name: "web-5d9c7b8f4-aaaaa", namespace: "prod", uid: "u" },
    });
  });

  rootTest("that merges trace all containers of an image, and make one list of them", async () => {
    await using its = await bench();
    const [first, second] = [await its.start("c1", { merge: true }), await its.start("c2", { merge: true })];
    expect(its.sessions.size).toBe(2);
    await first.tell("open", "/a", "/b");
    await second.tell("open", "/b", "/c");
    await its.sessions.stop("c1");
    await its.sessions.stop("c2");
    await its.sessions.finishMerges(50_000);
    expect(list(its.folder)).toMatch(/^\/b\n(\/a\n\/c|\/c\n\/a)\n$/);
    expect(json(its.folder)).toMatchObject({
      complete: true,
      reason: "merged",
      image: { name: "nginx:latest" },
      merged: { runs: 2, hits: [2, 1, 1] },
    });
    await runOne(its, "c3", {}, { merge: true, readable: true }, "/c");
    await its.sessions.finishMerges(50_000);
    expect(json(its.folder).merged).toMatchObject({ runs: 3, hits: [2, 2, 1] });
    expect(list(its.folder, "nginx:latest.csv")).toMatch(/^path,size,elapsed\n(\/[abc],[123],\d+\n){3}$/);
    expect(names(its.folder)).toEqual(threeFiles);
    const path = its.folder.at("lists/nginx:latest");
    expect(its.lines[0]).toBe(
      `info ${label("c1")}: 2 files, 3 B: to be merged into ${path} (container stopped)`,
    );
    expect(its.lines).toHaveLength(3);
  });

  rootTest(
    "that merges make a whole list as soon as one run is whole, which another configuration keeps",
    async () => {
      await using its = await bench();
      const merge = { merge: true };
      await (await its.start("c1", merge)).tell("open", "/a");
      await its.sessions.endAll("connection lost");
      await its.sessions.finishMerges(50_000);
      const holes = [{ runs: 1, reasons: ["a recording ended early: connection lost"] }];
      const incomplete = { runs: 1, completeRuns: 0, incompleteRuns: 1, incomplete: holes };
      expect(json(its.folder)).toMatchObject({ complete: false, merged: incomplete });
      await runOne(its, "c2", {}, merge, "/b");
      await its.sessions.finishMerges(50_000);
      const whole = { runs: 2, completeRuns: 1, incompleteRuns: 1, incomplete: holes };
      expect(json(its.folder)).toMatchObject({ complete: true, trouble: [], merged: whole });
      await runOne(its, "c3", {}, {}, "/c");
      expect(json(its.folder)).toMatchObject({ reason: "merged", merged: whole });
      expect(its.lines.at(-1)).toEndWith(" exists and is kept (overwrite = false)");
    },
  );

  rootTest("that keeps whole lists records one anew that was merged of runs with holes alone", async () => {
    await using its = await bench();
    await (await its.start("c1", { merge: true })).tell("open", "/a");
    await its.sessions.endAll("connection lost");
    await its.sessions.finishMerges(50_000);
    await runOne(its, "c2", {}, {}, "/b");
    expect(list(its.folder)).toBe("/b\n");
    expect(json(its.folder)).toMatchObject({ complete: true, reason: "container stopped" });
  });

  rootTest(
    "that merges make a list of an older one, of another kind of run, and one without a file",
    async () => {
      await using its = await bench();
      await runOne(its, "c1", {}, {}, "/a", "/b");
      const before = threeFiles.map((name) => list(its.folder, name));
      await runOne(its, "c2", {}, { merge: true });
      await its.sessions.finishMerges(50_000);
      expect(threeFiles.map((name) => list(its.folder, name))).toEqual(before);
      await runOne(its, "c3", {}, { merge: true }, "/b");
      await its.sessions.finishMerges(50_000);
      expect(list(its.folder)).toBe("/b\n/a\n");
      expect(json(its.folder).merged.runs).toBe(2);
    },
  );

  rootTest("whose merge fails tell it, leave the list, and merge the run with the next one", async () => {
    await using its = await bench();
    mkdirSync(its.folder.at("lists"));
    writeFileSync(its.folder.at("lists/nginx:latest"), "/old\n");
    writeFileSync(its.folder.at("lists/nginx:latest.csv"), "path,size,elapsed\n/old,1,1\n");
    const record = {
      version: 1,
      state: "ended",
      merged: {
        runs: 2,
        hits: [1, 1],
        sightings: [
          [0, 1],
          [1, 1],
        ],
      },
    };
    writeFileSync(its.folder.at("lists/nginx:latest.json"), JSON.stringify(record));
    await runOne(its, "c1", {}, { merge: true }, "/a");
    await its.sessions.finishMerges(50_000);
    expect(its.lines[1]).toMatch(
      /^error Cannot merge runs into .*\/nginx:latest: optimizer: .* do not belong together; .*; they stay for the next merge$/,
    );
    expect(list(its.folder)).toBe("/old\n");
    unlinkSync(its.folder.at("lists/nginx:latest.json"));
    await runOne(its, "c2", {}, { merge: true }, "/b");
    await its.sessions.finishMerges(50_000);
    expect(json(its.folder).merged.runs).toBe(3);
    expect(list(its.folder).split("\n").toSorted()).toEqual(["", "/a", "/b", "/old"]);
    expect(names(its.folder)).toEqual(threeFiles);
  });
});

describe("Sessions.join()", () => {
  const opened = async (its: Bench, more: Partial<ContainerInfo> = {}, config: Partial<Config> = {}) => {
    const container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
    await container.tell("hold", "/a");
    await its.sessions.join(info("c1", container, more), its.config(config), runtime);
    return container;
  };

  rootTest(
    "records a running container, first what it has open, and never calls the list complete",
    async () => {
      await using its = await bench();
      await using container = await opened(its);
      await container.tell("open", "/c", "/a");
      await its.sessions.stop("c1");
      expect(list(its.folder)).toBe("/a\n/c\n");
      expect(json(its.folder)).toMatchObject({
        complete: false,
        reason: "container stopped",
        trouble: ["the container ran already when its trace began"],
      });
    },
  );

  rootTest("leaves a list that is there, even a broken one, and takes no container twice", async () => {
    await using its = await bench();
    mkdirSync(its.folder.at("lists"));
    writeFileSync(its.folder.at("lists/nginx:latest"), "/old\n");
    writeFileSync(its.folder.at("lists/nginx:latest.json"), '{"state": "ended", "complete": false}');
    await using _container = await opened(its, {}, { overwrite: true });
    expect(its.sessions.size).toBe(0);
    await using other = await opened(its, { imageReference: "other:1" });
    await its.sessions.join(info("c1", other, { imageReference: "other:2" }), its.config(), runtime);
    expect(its.sessions.size).toBe(1);
    await its.sessions.stop("c1");
    expect(list(its.folder)).toBe("/old\n");
    expect(list(its.folder, "other:1")).toBe("/a\n");
  });

  rootTest("says why a container is not traced", async () => {
    await using its = await bench();
    await its.sessions.join(info("c1", { pid: 0 }), its.config(), runtime);
    expect(its.sessions.size).toBe(0);
    expect(its.lines).toEqual([
      `warn ${label("c1")}, which runs already, is not traced: the runtime does not tell its process (CRI-O does since 1.36), and no cgroup of it has one that can be seen here: mount the host's /sys/fs/cgroup at the same path`,
    ]);
  });

  rootTest("a broken list is recorded anew by the next container that starts", async () => {
    await using its = await bench();
    await using container = await opened(its);
    await container.tell("open", "/c");
    await its.sessions.stop("c1");
    const next = await its.start("c2");
    await next.tell("open", "/b");
    await its.sessions.stop("c2");
    expect(list(its.folder)).toBe("/b\n");
    expect(json(its.folder)).toMatchObject({ complete: true });
  });
});

describe("Sessions.start() lets a container go on", () => {
  rootTest("without a process", async () => {
    await using its = await bench();
    await its.sessions.start(info("c1", { pid: 0 }), its.config(), runtime);
    expect(its.lines).toEqual([
      `warn ${label("c1")} is not traced: the runtime does not tell its process (CRI-O does since 1.36), and no cgroup of it has one that can be seen here: mount the host's /sys/fs/cgroup at the same path`,
    ]);
    expect(its.sessions.size).toBe(0);
  });

  rootTest("when its process is gone", async () => {
    await using its = await bench();
    const container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
    await container[Symbol.asyncDispose]();
    await its.sessions.start(info("c1", container), its.config(), runtime);
    expect(its.lines).toEqual([
      `warn ${label("c1")} is not traced: Cannot trace process ${container.pid}: ENOENT for its mount table`,
    ]);
    expect(its.sessions.size).toBe(0);
  });

  rootTest("when its root is the host's own", async () => {
    await using its = await bench();
    await its.sessions.start(info("c1", process), its.config(), runtime);
    expect(its.lines).toEqual([
      `warn ${label("c1")} is not traced: Cannot trace process ${process.pid}: its root is the host's own`,
    ]);
  });

  rootTest("when other starts took all the time, and leaves a note", async () => {
    await using its = await bench({ startCeilingMs: 0 });
    await its.start("c1");
    const why = "no mark was set within the time that a start may wait";
    await waitFor("the line in the log", () => its.lines.length > 0);
    expect(its.lines).toEqual([`warn ${label("c1")} is not traced: ${why}`]);
    const note = its.folder.at("lists/nginx:latest.json");
    await waitFor("the note", () => existsSync(note));
    expect(JSON.parse(readFileSync(note, "utf8"))).toMatchObject({ complete: false, trouble: [why] });
  });

  rootTest("after the ceiling, when the mark does not come", async () => {
    await using its = await bench({
      startCeilingMs: 30,
      wrap: (native) => ({ ...native, mark: () => {} }),
    });
    await its.start("c1");
    await waitFor("the line in the log", () => its.lines.length > 0);
    expect(its.lines[0]).toMatch(
      /^warn container c1 .* is not traced: Cannot mark process \d+ within [\d.]+ ms$/,
    );
    expect(its.sessions.size).toBe(0);
  });

  for (const [what, prepare, cause] of [
    ["is a file", (path: string) => writeFileSync(path, ""), "ENOTDIR"],
    ["cannot be made", (path: string) => symlinkSync("/proc/nowhere", path), "EEXIST"],
  ] as const) {
    rootTest(`and records nothing in vain when persist_dir ${what}`, async () => {
      await using its = await bench();
      prepare(its.folder.at("lists"));
      const container = await its.start("c1", { overwrite: true });
      expect(its.sessions.size).toBe(0);
      expect(its.tracer.active).toBe(0);
      await container.tell("open", "/a", "/b");
      await its.sessions.stop("c1");
      expect(its.lines).toEqual([
        `warn ${label("c1")} is not traced: no result can be written to ${its.folder.at("lists")}: ${cause}; ` +
          "a file stands in its way: move that, or set persist_dir to another folder",
      ]);
      expect(its.sessions.counts()).toMatchObject({ failuresInARow: { count: 1 } });
    });
  }

  rootTest("when it cannot be told whether an older list is there", async () => {
    await using its = await bench();
    symlinkSync("lists", its.folder.at("lists"));
    await its.start("c1");
    expect(its.lines).toEqual([
      `warn ${label("c1")} is not traced: no result can be written to ${its.folder.at("lists")}: ELOOP`,
    ]);
    expect(its.tracer.active).toBe(0);
  });

  rootTest("whose older list is kept, and touches nothing of it", async () => {
    await using its = await bench();
    mkdirSync(its.folder.at("lists"));
    writeFileSync(its.folder.at("lists/nginx:latest"), "/old\n");
    const container = await its.start("c1");
    expect(its.tracer.active).toBe(0);
    await container.tell("open", "/a");
    await its.sessions.stop("c1");
    expect(names(its.folder)).toEqual(["nginx:latest"]);
    expect(list(its.folder)).toBe("/old\n");
  });
});
