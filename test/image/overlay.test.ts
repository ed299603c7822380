import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, unlinkSync } from "node:fs";
import { findLayers } from "../../src/image/host-layers.ts";
import { parseOverlayOptions, resolveLayers } from "../../src/image/overlay.ts";
import { rootOf } from "../../src/trace/process-mounts.ts";
import { heldContainer, writeLayer } from "../helpers/held-container.ts";
import { rootTest } from "../helpers/root.ts";
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
    expect(resolveLayers(directories, [], isDirectory)).toEqual(directories.lower);
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
      expect(resolveLayers({ lower, upper }, [], isDirectory)).toEqual(expected && [...expected]);
    });
  }

  test("knows nothing of a mount that was taken away without an upper directory", () => {
    expect(resolveLayers({ lower: ["/tmp/x/2/fs"], upper: undefined }, [], isDirectory)).toBeUndefined();
  });

  test("finds relative layers above the upper directory", () => {
    expect(resolveLayers({ lower: ["2/fs", "1/fs"], upper: "/snapshots/3/fs" }, [], isDirectory)).toEqual([
      "/snapshots/2/fs",
      "/snapshots/1/fs",
    ]);
  });

  test("finds relative layers above the place of the mount", () => {
    expect(resolveLayers({ lower: ["2/fs"], upper: "3/fs" }, ["/snapshots/x/rootfs"], isDirectory)).toEqual([
      "/snapshots/2/fs",
    ]);
  });

  test("gives up when one of the layers is nowhere", () => {
    expect(
      resolveLayers({ lower: ["2/fs", "9/fs"], upper: "/snapshots/3/fs" }, [], isDirectory),
    ).toBeUndefined();
  });

  test("gives up without layers", () => {
    expect(resolveLayers({ lower: [], upper: "/u" }, [], isDirectory)).toBeUndefined();
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
      why: "the overlay's layers are not visible in this mount namespace",
    });
  });
});
