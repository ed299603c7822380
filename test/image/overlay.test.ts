import { describe, expect, test } from "bun:test";
import { mkdirSync, readlinkSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { run } from "../../scripts/rig/command.ts";
import { findLayers } from "../../src/image/host-layers.ts";
import { parseOverlayOptions, resolveLayers } from "../../src/image/overlay.ts";
import { rootOf } from "../../src/trace/process-mounts.ts";
import { heldContainer, writeLayer } from "../helpers/held-container.ts";
import { rootTest } from "../helpers/root.ts";
import { type StorageForm, storageForms, storageRoot } from "../helpers/storage-root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

describe("parseOverlayOptions()", () => {
  for (const [what, options, lower, upper] of [
    ["one layer", ["rw", "lowerdir=/a"], ["/a"], undefined],
    [
      "layers, the topmost first",
      ["lowerdir=/c:/b:/a", "upperdir=/u", "workdir=/w"],
      ["/c", "/b", "/a"],
      "/u",
    ],
    ["one option for each layer", ["lowerdir+=/c", "lowerdir+=/b", "upperdir=/u"], ["/c", "/b"], "/u"],
    ["colons in an option for one layer", ["lowerdir+=/c:d"], ["/c:d"], undefined],
    ["data-only layers behind two colons", ["lowerdir=/b:/a::/data1::/data2"], ["/b", "/a"], undefined],
    ["data-only layers in options of their own", ["lowerdir+=/a", "datadir+=/data"], ["/a"], undefined],
    ["an escaped colon", ["lowerdir=/a\\:b:/c"], ["/a:b", "/c"], undefined],
    ["an escaped backslash", ["lowerdir=/a\\\\b:/c"], ["/a\\b", "/c"], undefined],
    ["a backslash at the end of a layer", ["lowerdir=/a\\\\:/b::/data"], ["/a\\", "/b"], undefined],
    ["a backslash in front of a letter", ["lowerdir=/\\a:/b"], ["/a", "/b"], undefined],
    ["an equals sign", ["lowerdir=/a=b"], ["/a=b"], undefined],
    ["relative paths", ["lowerdir=2/fs:1/fs"], ["2/fs", "1/fs"], undefined],
    ["no layers", ["rw", "xino=off"], [], undefined],
  ] as const) {
    test(`reads ${what}`, () => {
      expect(parseOverlayOptions(options)).toEqual({ lower: [...lower], upper });
    });
  }
});

describe("resolveLayers()", () => {
  const folders = new Set(["/snapshots/1/fs", "/snapshots/2/fs", "/snapshots/3/fs"]);
  const isDirectory = (path: string): boolean => folders.has(path);

  test("leaves absolute paths as they are", () => {
    const directories = { lower: ["/snapshots/2/fs", "/snapshots/1/fs"], upper: "/u" };
    expect(resolveLayers(directories, () => [], isDirectory)).toEqual(directories.lower);
  });

  const upper = "/snapshots/3/fs";
  for (const [what, lower, expected] of [
    ["two", ["/tmp/x/2/fs", "/tmp/x/1/fs"], ["/snapshots/2/fs", "/snapshots/1/fs"]],
    ["one", ["/tmp/x/2/fs"], ["/snapshots/2/fs"]],
    ["some", ["/snapshots/2/fs", "/tmp/x/1/fs"], ["/snapshots/2/fs", "/snapshots/1/fs"]],
    ["two, of which one is nowhere", ["/tmp/x/2/fs", "/tmp/x/9/fs"], undefined],
    ["two with no more than a name left", ["/fs", "/1"], undefined],
    ["the root", ["/"], undefined],
  ] as const) {
    test(`of layers whose mount was taken away finds ${what}`, () => {
      expect(resolveLayers({ lower, upper }, () => [], isDirectory)).toEqual(expected && [...expected]);
    });
  }

  test("knows nothing of a mount that was taken away without an upper directory", () => {
    expect(
      resolveLayers({ lower: ["/tmp/x/2/fs"], upper: undefined }, () => [], isDirectory),
    ).toBeUndefined();
  });

  test("finds relative layers above the upper directory", () => {
    expect(
      resolveLayers({ lower: ["2/fs", "1/fs"], upper: "/snapshots/3/fs" }, () => [], isDirectory),
    ).toEqual(["/snapshots/2/fs", "/snapshots/1/fs"]);
  });

  test("finds relative layers above the place of the mount", () => {
    expect(
      resolveLayers({ lower: ["2/fs"], upper: "3/fs" }, () => ["/snapshots/x/rootfs"], isDirectory),
    ).toEqual(["/snapshots/2/fs"]);
  });

  test("gives up when one of the layers is nowhere", () => {
    expect(
      resolveLayers({ lower: ["2/fs", "9/fs"], upper: "/snapshots/3/fs" }, () => [], isDirectory),
    ).toBeUndefined();
  });

  test("gives up without layers", () => {
    expect(resolveLayers({ lower: [], upper: "/u" }, () => [], isDirectory)).toBeUndefined();
  });
});

describe("findLayers()", () => {
  for (const [what, name, escaped] of [
    ["a colon", "a:b", "a\\:b"],
    ["a backslash", "a\\b", "a\\\\b"],
    ["a comma", "a,b", "a,b"],
    ["a blank", "a b", "a b"],
    ["an equals sign", "a=b", "a=b"],
  ] as const) {
    rootTest(`finds a layer whose path has ${what}, in the kernel's own words`, async () => {
      using folder = temporaryFolder();
      for (const layer of [name, "below", "upper", "work"]) mkdirSync(folder.at(layer));
      writeLayer(folder.at(name), { "/file": "x" });
      const options = [
        `lowerdir=${folder.path}/${escaped}:${folder.path}/below`,
        `upperdir=${folder.at("upper")}`,
        `workdir=${folder.at("work")}`,
      ];
      await using container = await heldContainer({ root: { kind: "mount", fsType: "overlay", options } });
      expect(await container.tell("read", "/file")).toBe("x");
      const { layers } = findLayers(rootOf(container.pid), () => undefined);
      expect(layers?.count).toBe(2);
      expect(layers?.layerOf("/file")).toBe(1);
    });
  }

  rootTest("finds layers that were given one by one", async () => {
    using folder = temporaryFolder();
    for (const layer of ["a:b", "below"]) mkdirSync(folder.at(layer));
    writeLayer(folder.at("a:b"), { "/file": "x" });
    const options = [`lowerdir+=${folder.at("a:b")}`, `lowerdir+=${folder.at("below")}`];
    await using container = await heldContainer({ root: { kind: "mount", fsType: "overlay", options } });
    const { layers } = findLayers(rootOf(container.pid), () => undefined);
    expect(layers?.count).toBe(2);
    expect(layers?.layerOf("/file")).toBe(1);
  });

  rootTest("finds layers that were given relative to a folder above the upper one", async () => {
    using folder = temporaryFolder();
    for (const layer of ["1/fs", "2/fs", "3/fs", "3/work"]) mkdirSync(folder.at(layer), { recursive: true });
    writeLayer(folder.at("1/fs"), { "/file": "x" });
    const options = ["lowerdir=2/fs:1/fs", `upperdir=${folder.at("3/fs")}`, `workdir=${folder.at("3/work")}`];
    await using container = await heldContainer({
      root: { kind: "mount", fsType: "overlay", options },
      cwd: folder.path,
    });
    expect(findLayers(rootOf(container.pid), () => undefined).layers?.layerOf("/file")).toBe(0);
  });

  rootTest("finds layers that were seen elsewhere when the mount was made", async () => {
    using folder = temporaryFolder();
    for (const layer of ["all/1/fs", "all/2/fs", "all/2/work"])
      mkdirSync(folder.at(layer), { recursive: true });
    writeLayer(folder.at("all/1/fs"), { "/file": "x" });
    symlinkSync(folder.at("all"), folder.at("seen"));
    const options = [
      `lowerdir=${folder.at("seen/1/fs")}`,
      `upperdir=${folder.at("all/2/fs")}`,
      `workdir=${folder.at("all/2/work")}`,
    ];
    await using container = await heldContainer({ root: { kind: "mount", fsType: "overlay", options } });
    unlinkSync(folder.at("seen"));
    expect(findLayers(rootOf(container.pid), () => undefined).layers?.layerOf("/file")).toBe(0);
  });

  const stored = [{ "/file": "0", "/below": "0" }, { "/file": "1" }, { "/top": "2" }];

  /** Finds the layers of a container of `stored` as containers/storage would mount it. */
  async function findStored(
    form: StorageForm,
    before: (own: string, links: readonly string[]) => unknown = () => {},
  ) {
    await using stack = new AsyncDisposableStack();
    const home = stack.use(temporaryFolder()).at("overlay");
    using root = storageRoot(home, stored, form);
    const container = stack.use(await heldContainer(root.options));
    root[Symbol.dispose](); // as whoever has mounted it, and is gone
    await before(root.own, root.links);
    const mount = rootOf(container.pid);
    const found = { why: undefined, ...findLayers(mount, () => undefined) };
    const told = ["/file", "/below", "/top", "/none"].map((path) => found.layers?.layerOf(path));
    return { ...found, told, lower: parseOverlayOptions(mount.superOptions).lower };
  }

  const names = { absolute: /^\/.*\/l\/LAYER2Z+$/, relative: /^l\/LAYER2Z+$/, descriptors: /^\d+$/ };
  for (const form of storageForms) {
    rootTest(`finds layers that containers/storage has mounted by links, ${form}`, async () => {
      const { layers, told, lower } = await findStored(form);
      expect(lower[0]).toMatch(names[form]);
      expect(told).toEqual([1, 0, 2, undefined]);
      expect(layers?.count).toBe(3);
    });

    rootTest(`does not care what becomes of ${form} links afterwards`, async () => {
      await using stack = new AsyncDisposableStack();
      const home = stack.use(temporaryFolder()).at("overlay");
      using root = storageRoot(home, stored, form);
      const container = stack.use(await heldContainer(root.options));
      const { layers } = findLayers(rootOf(container.pid), () => undefined);
      for (const link of root.links) {
        unlinkSync(link);
        symlinkSync("/etc", link);
      }
      expect(["/file", "/top", "/passwd"].map((path) => layers?.layerOf(path))).toEqual([1, 2, undefined]);
    });
  }

  const OUT_OF_SIGHT = "the overlay's layers are not visible in this mount namespace";
  const relink = (target: string) => (_: string, links: readonly string[]) => {
    const [link = ""] = links;
    unlinkSync(link);
    symlinkSync(target, link);
  };
  for (const [what, before] of [
    ["nowhere", relink("nowhere")],
    ["to itself", (own: string, links: readonly string[]) => relink(links[0] ?? "")(own, links)],
    ["to a file", relink("../container/lower")],
    ["to a device", relink("/dev/null")],
    [
      "to a FIFO",
      async (own: string, links: readonly string[]) => {
        await run(["mkfifo", `${own}/fifo`]);
        relink("../container/fifo")(own, links);
      },
    ],
  ] as const) {
    rootTest(`finds none where a link leads ${what}`, async () => {
      const { layers, why } = await findStored("absolute", before);
      expect(layers).toBeUndefined();
      expect(why).toMatch(new RegExp(`^${OUT_OF_SIGHT} \\(no "/.*/overlay/l/LAYER0Z+"\\)$`));
    });
  }

  for (const [what, before] of [
    ["is missing", (own: string) => rmSync(`${own}/lower`)],
    ["has too few", (own: string) => writeFileSync(`${own}/lower`, "l/LAYER0")],
    ["leads out of the storage", (own: string) => writeFileSync(`${own}/lower`, "l/../../x:/etc:l/A")],
    ["is too large", (own: string) => writeFileSync(`${own}/lower`, `l/${"A".repeat(70_000)}:l/A:l/B`)],
    [
      "is a folder",
      (own: string) => {
        rmSync(`${own}/lower`);
        mkdirSync(`${own}/lower`);
      },
    ],
    [
      "is a link to the right one",
      async (own: string) => {
        await run(["mv", `${own}/lower`, `${own}/elsewhere`]);
        symlinkSync("elsewhere", `${own}/lower`);
      },
    ],
    [
      "is a FIFO",
      async (own: string) => {
        rmSync(`${own}/lower`);
        await run(["mkfifo", `${own}/lower`]);
      },
    ],
  ] as const) {
    rootTest(`finds none of those that are descriptors where the file of their links ${what}`, async () => {
      expect(await findStored("descriptors", before)).toMatchObject({ layers: undefined, why: OUT_OF_SIGHT });
    });
  }

  rootTest("finds a second folder of a layer, which is named behind its link", async () => {
    using folder = temporaryFolder();
    for (const name of ["1/diff", "1/diff1", "l", "2/diff", "2/work"])
      mkdirSync(folder.at(name), { recursive: true });
    writeLayer(folder.at("1/diff1"), { "/file": "x" });
    symlinkSync("../1/diff", folder.at("l/ONE"));
    const lower = ["l/ONE", "l/ONE/../diff1"].map((path) => `${folder.path}/${path}`);
    const options = [
      `lowerdir=${lower.join(":")}`,
      `upperdir=${folder.at("2/diff")}`,
      `workdir=${folder.at("2/work")}`,
    ];
    await using container = await heldContainer({ root: { kind: "mount", fsType: "overlay", options } });
    const { layers } = findLayers(rootOf(container.pid), () => undefined);
    expect(layers?.layerOf("/file")).toBe(0);
  });

  rootTest("follows no link below the folder of a layer", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("layer/dir"), { recursive: true });
    writeLayer(folder.at("layer"), { "/dir/passwd": "x" });
    symlinkSync("/etc", folder.at("layer/etc"));
    symlinkSync("dir/passwd", folder.at("layer/file"));
    symlinkSync("layer", folder.at("link"));
    await using container = await heldContainer({ root: { kind: "overlay", layers: [folder.at("link")] } });
    expect(readlinkSync(container.at("/etc"))).toBe("/etc");
    const { layers } = findLayers(rootOf(container.pid), () => undefined);
    const paths = ["/dir/passwd", "/etc/passwd", "/file"];
    expect(paths.map((path) => layers?.layerOf(path))).toEqual([0, undefined, undefined]);
  });

  rootTest("tells why there are none on another file system", async () => {
    await using container = await heldContainer({ root: { kind: "mount", fsType: "tmpfs", options: [] } });
    expect(findLayers(rootOf(container.pid), () => undefined)).toEqual({
      layers: undefined,
      why: "the root file system is tmpfs, not overlay",
    });
  });

  rootTest("tells why there are none when the layers are out of sight", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("layer"));
    await using container = await heldContainer({ root: { kind: "overlay", layers: [folder.at("layer")] } });
    const root = rootOf(container.pid);
    folder[Symbol.dispose]();
    expect(findLayers(root, () => undefined)).toEqual({
      layers: undefined,
      why: `${OUT_OF_SIGHT} (no "${folder.at("layer")}")`,
    });
  });
});
