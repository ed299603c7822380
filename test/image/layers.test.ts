import { describe, expect, test } from "bun:test";
import { mkdirSync, statSync } from "node:fs";
import { run } from "../../scripts/rig/command.ts";
import { findLayers } from "../../src/image/host-layers.ts";
import { ImageLayers } from "../../src/image/layers.ts";
import { loadShim } from "../../src/sys/shim.ts";
import { rootOf } from "../../src/trace/process-mounts.ts";
import { type HeldContainer, heldContainer } from "../helpers/held-container.ts";
import { random, testSeed } from "../helpers/random.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

type Step = Parameters<HeldContainer["tell"]>;

/** Layers that overlay itself made, by what a container did on top of the ones below. */
async function image(folder: string, layers: readonly (readonly Step[])[]): Promise<string[]> {
  const made = [`${folder}/base`];
  mkdirSync(`${folder}/base`);
  for (const [index, steps] of layers.entries()) {
    const upper = `${folder}/layer${index}`;
    await using container = await heldContainer({ root: { kind: "overlay", layers: made, upper } });
    for (const step of steps) await container.ask(...step);
    made.push(upper);
  }
  return made;
}

function layersOf(container: HeldContainer): ImageLayers {
  const { layers } = findLayers(rootOf(container.pid), loadShim().readXattr);
  if (layers === undefined) throw new Error("The container has no layers");
  return layers;
}

/** The truth: each file has the number of its layer in it. */
async function shown(container: HeldContainer, path: string): Promise<number | undefined> {
  const answer = await container.ask("read", path);
  return answer.startsWith("+") ? Number(answer.slice(1)) : undefined;
}

/** Reads a path both ways. The base is layer 0, so that `layers[0]` makes layer 1. */
async function compare(steps: readonly (readonly Step[])[], paths: readonly string[]) {
  using folder = temporaryFolder();
  const layers = await image(folder.path, steps);
  await using container = await heldContainer({ root: { kind: "overlay", layers } });
  const found = layersOf(container);
  const told = paths.map((path) => found.layerOf(path));
  const truth: (number | undefined)[] = [];
  for (const path of paths) truth.push(await shown(container, path));
  return { told, truth };
}

describe("ImageLayers.layerOf()", () => {
  for (const [what, steps, expected] of [
    ["a file", [[["write", "/f", "1"]]], { "/f": 1, "/g": undefined }],
    ["a file that is replaced", [[["write", "/f", "1"]], [["write", "/f", "2"]]], { "/f": 2 }],
    [
      "a file that is deleted",
      [
        [
          ["write", "/f", "1"],
          ["write", "/g", "1"],
        ],
        [["unlink", "/f"]],
      ],
      { "/f": undefined, "/g": 1 },
    ],
    [
      "a file that is deleted and comes back",
      [[["write", "/f", "1"]], [["unlink", "/f"]], [["write", "/f", "3"]]],
      { "/f": 3 },
    ],
    [
      "folders that several layers share",
      [
        [
          ["mkdir", "/d"],
          ["write", "/d/one", "1"],
        ],
        [["write", "/d/two", "2"]],
      ],
      { "/d": undefined, "/d/one": 1, "/d/two": 2 },
    ],
    [
      "a folder that is replaced by another, which is opaque",
      [
        [
          ["mkdir", "/d"],
          ["write", "/d/f", "1"],
          ["write", "/d/g", "1"],
        ],
        [
          ["unlink", "/d/f"],
          ["unlink", "/d/g"],
          ["rmdir", "/d"],
          ["mkdir", "/d"],
          ["write", "/d/g", "2"],
        ],
        [["write", "/d/h", "3"]],
      ],
      { "/d/f": undefined, "/d/g": 2, "/d/h": 3 },
    ],
    [
      "a folder that is replaced by a file",
      [
        [
          ["mkdir", "/d"],
          ["write", "/d/f", "1"],
        ],
        [
          ["unlink", "/d/f"],
          ["rmdir", "/d"],
          ["write", "/d", "2"],
        ],
      ],
      { "/d": 2, "/d/f": undefined },
    ],
    [
      "a file that is replaced by a folder",
      [
        [["write", "/d", "1"]],
        [
          ["unlink", "/d"],
          ["mkdir", "/d"],
          ["write", "/d/f", "2"],
        ],
      ],
      { "/d": undefined, "/d/f": 2 },
    ],
    [
      "a folder that is deleted",
      [
        [
          ["mkdir", "/d"],
          ["mkdir", "/d/e"],
          ["write", "/d/e/f", "1"],
        ],
        [
          ["unlink", "/d/e/f"],
          ["rmdir", "/d/e"],
          ["rmdir", "/d"],
        ],
      ],
      { "/d": undefined, "/d/e/f": undefined },
    ],
    [
      "a symbolic link over a file",
      [
        [["write", "/f", "1"]],
        [
          ["unlink", "/f"],
          ["symlink", "/g", "/f"],
        ],
      ],
      { "/f": undefined },
    ],
    [
      "names in bad UTF-8",
      [
        [
          ["mkdir", "/\xff"],
          ["write", "/\xff/\xc3", "1"],
          ["write", "/\xff/\xc4", "1"],
        ],
        [["unlink", "/\xff/\xc4"]],
      ],
      { "/\xff/\xc3": 1, "/\xff/\xc4": undefined },
    ],
    [
      "names that another encoding would mix up",
      [[["write", "/\xc3\xbc", "1"]], [["write", "/\xfc", "2"]]],
      { "/\xc3\xbc": 1, "/\xfc": 2 },
    ],
    ["a name that is too long", [[["write", "/f", "1"]]], { [`/${"x".repeat(300)}`]: undefined }],
    ["a path through a file", [[["write", "/f", "1"]]], { "/f/g/h": undefined }],
    ["a pipe", [[["fifo", "/p"]]], { "/p": undefined }],
  ] as const satisfies readonly (readonly [string, readonly (readonly Step[])[], object])[]) {
    rootTest(`tells what overlay shows of ${what}`, async () => {
      const { told, truth } = await compare(steps, Object.keys(expected));
      expect(told).toEqual(Object.values<number | undefined>(expected));
      // A pipe can be read, and there is nothing in it.
      expect(truth.map((layer) => layer || undefined)).toEqual(told);
    });
  }

  rootTest("tells the same when it is asked for many names of one folder", async () => {
    const many = Array.from({ length: 30 }, (_, index) => `/d/${index}\xff`);
    const steps: Step[][] = [
      [["mkdir", "/d"], ["mkdir", "/d/sub"], ...many.map((path): Step => ["write", path, "1"])],
      [
        ["unlink", "/d/3\xff"],
        ["write", "/d/4\xff", "2"],
        ["unlink", "/d/5\xff"],
        ["mkdir", "/d/5\xff"],
        ["unlink", "/d/6\xff"],
        ["symlink", "7", "/d/6\xff"],
        ["write", "/d/\xc3\xbc", "2"],
        ["write", "/d/sub/f", "2"],
      ],
    ];
    const paths = [...many, ...many, "/d/\xc3\xbc", "/d/\xfc", "/d/sub", "/d/sub/f", "/d/none", "/d/"];
    const { told, truth } = await compare(steps, paths);
    expect(told).toEqual(truth);
    expect(told.slice(0, 8)).toEqual([1, 1, 1, undefined, 2, undefined, undefined, 1]);
    expect(told.slice(60)).toEqual([2, undefined, undefined, 2, undefined, undefined]);
  });

  rootTest("leaves out what the container itself made or changed", async () => {
    using folder = temporaryFolder();
    const layers = await image(folder.path, [[["write", "/f", "1"]]]);
    await using container = await heldContainer({ root: { kind: "overlay", layers } });
    await container.tell("write", "/new", "x");
    await container.tell("write", "/f", "changed");
    const found = layersOf(container);
    expect(found.layerOf("/new")).toBeUndefined();
    expect(found.layerOf("/f")).toBe(1);
    await container.tell("unlink", "/f");
    expect(found.layerOf("/f")).toBe(1);
  });

  rootTest("counts no layer that is a copy of the image for the root of a user namespace", async () => {
    using folder = temporaryFolder();
    const layers = await image(folder.path, [
      [
        ["write", "/f", "1"],
        ["mkdir", "/d"],
        ["write", "/d/g", "1"],
      ],
      [
        ["write", "/f", "2"],
        ["write", "/d/h", "2"],
        ["write", "/i", "2"],
      ],
    ]);
    const copy = folder.at("copy");
    {
      await using maker = await heldContainer({ root: { kind: "overlay", layers, upper: copy } });
      await run(["find", maker.at("/"), "-xdev", "-exec", "chown", "100000:100000", "{}", "+"]);
    }
    await using container = await heldContainer({ root: { kind: "overlay", layers: [...layers, copy] } });
    await container.tell("write", "/new", "x");
    const found = layersOf(container);
    expect(found.count).toBe(3);
    expect(["/f", "/d/g", "/d/h", "/i", "/new"].map((path) => found.layerOf(path))).toEqual([
      2,
      1,
      2,
      2,
      undefined,
    ]);
    await container.tell("rename", "/i", "/j");
    const [inode, isNew] = [statSync(container.at("/j")).ino, false];
    expect(found.find({ path: "/j", inode, isNew })).toEqual({ path: "/i", layer: 2 });
  });

  rootTest("counts a layer whose folder belongs to somebody else", async () => {
    using folder = temporaryFolder();
    const layers = await image(folder.path, [[["write", "/f", "1"]], [["write", "/g", "2"]]]);
    await run(["chown", "100000:100000", layers.at(-1) ?? ""]);
    await using container = await heldContainer({ root: { kind: "overlay", layers } });
    const found = layersOf(container);
    expect(found.count).toBe(3);
    expect(["/f", "/g"].map((path) => found.layerOf(path))).toEqual([1, 2]);
  });

  const seed = testSeed();
  rootTest(`agrees with overlay on whatever layers do (seed ${seed})`, async () => {
    const next = random(seed);
    const pick = <T>(choices: readonly [T, ...T[]]): T =>
      choices[Math.floor(next() * choices.length)] ?? choices[0];
    const folders = ["", "/a", "/b", "/a/a", "/a/b", "/b/a"] as const;
    const names = ["/a", "/b", "/x", "/y"] as const;
    const paths = folders.flatMap((folder) => names.map((name) => folder + name));
    const step = (content: string): Step => {
      const path = pick(folders) + pick(names);
      return pick<Step>([
        ["write", path, content],
        ["write", path, content],
        ["mkdir", path],
        ["mkdir", path],
        ["unlink", path],
        ["rmdir", path],
      ]);
    };
    for (let round = 0; round < 8; round++) {
      const steps = Array.from({ length: 4 }, (_, index) =>
        Array.from({ length: 30 }, () => step(`${index + 1}`)),
      );
      const { told, truth } = await compare(steps, paths);
      expect(told).toEqual(truth);
    }
  });
});

describe("ImageLayers.find() where the device tells files of the image from others", () => {
  const IMAGE = 41;
  const inodes: Record<string, number> = { "/l/a": 1, "/l/b": 2, "/l/c": 3 };
  const layers = new ImageLayers(
    ["/l"],
    {
      kind: (path) => (inodes[path] === undefined ? "none" : "file"),
      inode: (path) => ({ number: inodes[path] ?? 0, isShared: path === "/l/c" }),
      list: () => ({ files: new Set(["a", "b", "c"]), others: new Set() }),
      xattr: () => undefined,
    },
    { imageDevice: IMAGE },
  );

  test.each([
    ["a file of the image", { path: "/a", inode: 1, device: IMAGE, isNew: false }, "/a"],
    ["one that was copied up", { path: "/a", inode: 1, device: IMAGE, isNew: true }, "/a"],
    ["one that was renamed", { path: "/z", inode: 2, device: IMAGE, isNew: true }, "/b"],
    ["one that was renamed to another's name", { path: "/a", inode: 2, device: IMAGE, isNew: true }, "/b"],
    ["a new file", { path: "/a", inode: 9, device: 42, isNew: true }, undefined],
    [
      "a new file with the number of an image's",
      { path: "/a", inode: 1, device: 42, isNew: true },
      undefined,
    ],
    ["a new file whose age is not known", { path: "/a", inode: 9, device: 42, isNew: false }, undefined],
    ["the copy of a file with several names", { path: "/c", inode: 9, device: 42, isNew: true }, "/c"],
    ["a file whose device is not known", { path: "/a", inode: 1, isNew: false }, "/a"],
  ] as const)("%s", (_, file, path) => {
    expect(layers.find(file)?.path).toBe(path);
  });
});
