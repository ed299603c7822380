import { describe, expect, test } from "bun:test";
import { constants } from "node:fs";
import { ImageLayers } from "../../src/image/layers.ts";
import { type RecordedFile, Recording } from "../../src/record/recording.ts";
import type { FileOpen, Loss } from "../../src/trace/trace.ts";

/** An image of two layers: /old is in the lower one, /both in both, "/one\ntwo" in the upper one. */
const image: Record<string, "file" | "directory"> = {
  "/1/old": "file",
  "/1/both": "file",
  "/1/kept (deleted)": "file",
  "/2/both": "file",
  "/2/one\ntwo": "file",
  "/2/folder": "directory",
};
const layers = new ImageLayers(["/2", "/1"], {
  kind: (path) => image[path] ?? "none",
  list: (folder) => {
    const names = Object.keys(image).filter((path) => path.startsWith(`${folder}/`));
    return { files: new Set(), others: new Set(names.map((path) => path.slice(folder.length + 1))) };
  },
  inode: () => ({ number: 0, isShared: false }),
  xattr: () => undefined,
});

function open(path: string, more: Partial<FileOpen> = {}): FileOpen {
  const plain = {
    path,
    sizeBytes: 10,
    elapsedUs: 5,
    mode: constants.S_IFREG | 0o644,
    pid: 1,
    inode: 7,
    isNew: false,
  };
  return { ...plain, deleted: false, exec: false, ...more };
}

function record(events: readonly FileOpen[]) {
  const files: RecordedFile[] = [];
  const recording = new Recording({ layers, onFile: (file) => files.push(file) });
  for (const event of events) recording.open(event);
  return { recording, paths: files.map(({ path }) => path), counts: recording.counts };
}

describe("Recording.open()", () => {
  test("lists each file of the image once, in order of first access", () => {
    const { paths, counts } = record([
      open("/both"),
      open("/old", { sizeBytes: 7 }),
      open("/both"),
      open("/old"),
    ]);
    expect(paths).toEqual(["/both", "/old"]);
    expect(counts).toMatchObject({ listed: 2, listedBytes: 17, events: 4, runtime: 0 });
  });

  test("tells the layer of each line", () => {
    const { recording } = record([open("/both"), open("/one\ntwo"), open("/old")]);
    expect(recording.layerOfLine).toEqual([1, 0]);
  });

  test("counts what the container made", () => {
    const { paths, counts } = record([open("/new"), open("/folder")]);
    expect(paths).toEqual([]);
    expect(counts).toMatchObject({ listed: 0, runtime: 2, deleted: 0, events: 2 });
  });

  test("counts what the container made and deleted", () => {
    const { counts } = record([open("/new", { deleted: true })]);
    expect(counts).toMatchObject({ listed: 0, runtime: 0, deleted: 1 });
  });

  test("lists a file of the image that was deleted after it was opened", () => {
    const { paths, counts } = record([open("/old", { deleted: true })]);
    expect(paths).toEqual(["/old"]);
    expect(counts).toMatchObject({ listed: 1, deleted: 0 });
  });

  test("lists a file of the image that overlay has deleted without saying so, once", () => {
    const events = [open("/old (deleted)"), open("/old"), open("/both"), open("/both (deleted)")];
    const { paths, counts } = record(events);
    expect(paths).toEqual(["/old", "/both"]);
    expect(counts).toMatchObject({ listed: 2, runtime: 0, deleted: 0 });
  });

  test("takes a name that ends as a deleted file does for what it is", () => {
    const { paths, counts } = record([open("/kept (deleted)"), open("/new (deleted)")]);
    expect(paths).toEqual(["/kept (deleted)"]);
    expect(counts).toMatchObject({ listed: 1, runtime: 1 });
  });

  for (const [what, format] of [
    ["directory", constants.S_IFDIR],
    ["pipe", constants.S_IFIFO],
    ["socket", constants.S_IFSOCK],
    ["character device", constants.S_IFCHR],
    ["block device", constants.S_IFBLK],
  ] as const) {
    test(`counts a ${what}`, () => {
      const { paths, counts } = record([open("/old", { mode: format | 0o755 })]);
      expect(paths).toEqual([]);
      expect(counts).toMatchObject({ notRegular: 1, listed: 0, runtime: 0, events: 1 });
    });
  }

  test("gives a path with a newline to the table, and counts it apart from the list", () => {
    const { paths, counts } = record([open("/one\ntwo"), open("/one\ntwo")]);
    expect(paths).toEqual(["/one\ntwo"]);
    expect(counts).toMatchObject({ listed: 0, listedBytes: 0, unlistable: 1, events: 2 });
  });

  test("lists every regular file that is there when the layers are not known", () => {
    const events = [
      open("/any"),
      open("/gone", { deleted: true }),
      open("/dir", { mode: constants.S_IFDIR }),
    ];
    const files: string[] = [];
    const recording = new Recording({ layers: undefined, onFile: ({ path }) => files.push(path) });
    for (const event of events) recording.open(event);
    expect(files).toEqual(["/any"]);
    expect(recording.layerOfLine).toEqual([-1]);
    expect(recording.counts).toMatchObject({ listed: 1, deleted: 1, notRegular: 1 });
  });
});

describe("Recording.open() of a file that was renamed to a path that is listed", () => {
  function recorded(events: readonly FileOpen[]) {
    const inodes: Record<string, number> = { "/1/old": 11, "/1/both": 12 };
    let asked = 0;
    const reader = {
      kind: (path: string) => {
        asked++;
        return image[path] ?? "none";
      },
      list: () => ({ files: new Set(["old", "both"]), others: new Set<string>() }),
      inode: (path: string) => {
        asked++;
        return { number: inodes[path] ?? 0, isShared: false };
      },
      xattr: () => undefined,
    };
    const files: string[] = [];
    const recording = new Recording({
      layers: new ImageLayers(["/1"], reader, { inodesTell: true }),
      onFile: ({ path }) => files.push(path),
    });
    for (const event of events) recording.open(event);
    return { files, counts: recording.counts, asked: () => asked, recording };
  }

  const old = open("/old", { inode: 11 });
  const bothAsOld = open("/old", { inode: 12, isNew: true });

  test("lists it under its own path", () => {
    expect(recorded([old, bothAsOld]).files).toEqual(["/old", "/both"]);
  });

  test("lists it once, whatever name it is opened by", () => {
    const { files, counts } = recorded([old, bothAsOld, bothAsOld, open("/both", { inode: 12 }), old]);
    expect(files).toEqual(["/old", "/both"]);
    expect(counts).toMatchObject({ listed: 2, runtime: 0 });
  });

  test("counts one that the container made, and lists the image's that comes behind it", () => {
    const made = open("/old", { inode: 99, isNew: true });
    const { files, counts } = recorded([old, made, bothAsOld]);
    expect(files).toEqual(["/old", "/both"]);
    expect(counts).toMatchObject({ listed: 2, runtime: 1 });
  });

  test("asks the file system nothing for repeats", () => {
    const { recording, asked } = recorded([old, bothAsOld]);
    const before = asked();
    for (let time = 0; time < 10; time++) recording.open(bothAsOld);
    expect(asked()).toBe(before);
  });
});

describe("Recording.open() of a file whose mount nobody can tell of for sure", () => {
  const inodes: Record<string, number> = { "/1/old": 11, "/1/both": 12, "/1/kept (deleted)": 13 };
  const layersThat = (traits: { inodesTell: boolean }) =>
    new ImageLayers(
      ["/1"],
      {
        kind: (path) => image[path] ?? "none",
        list: () => ({ files: new Set(["old", "both", "kept (deleted)"]), others: new Set() }),
        inode: (path) => ({ number: inodes[path] ?? 0, isShared: path.startsWith("/1/kept") }),
        xattr: () => undefined,
      },
      traits,
    );
  const tell = layersThat({ inodesTell: true });
  const doNot = layersThat({ inodesTell: false });

  for (const [what, told, path, file, paths, counts] of [
    ["lists it when the file at that path has its inode", tell, "/old", { inode: 11 }, ["/old"], {}],
    ["lists it under the name that its inode has there", tell, "/old", { inode: 12 }, ["/both"], {}],
    ["says that something is missing when it is another file", tell, "/old", { inode: 99 }, [], { lost: 1 }],
    ["counts a new file", tell, "/old", { inode: 99, isNew: true }, [], { runtime: 1 }],
    ["lists a removed file by its inode", tell, "/old (deleted)", { inode: 11 }, ["/old"], {}],
    ["says that a removed one is missing", tell, "/old", { inode: 99, deleted: true }, [], { lost: 1 }],
    [
      "does not miss a new one that was removed",
      tell,
      "/o",
      { isNew: true, deleted: true },
      [],
      { deleted: 1 },
    ],
    [
      "lists one of several names by its inode",
      tell,
      "/kept (deleted)",
      { inode: 13 },
      ["/kept (deleted)"],
      {},
    ],
    ["takes another file for none of several names", tell, "/kept (deleted)", { inode: 99 }, [], { lost: 1 }],
    ["cannot tell a copy of those", tell, "/kept (deleted)", { inode: 99, isNew: true }, [], { lost: 1 }],
    ["lists it by its inode where copies are not told", doNot, "/old", { inode: 11 }, ["/old"], {}],
    ["takes no other file where copies are not told", doNot, "/old", { inode: 99 }, [], { lost: 1 }],
    ["cannot tell a copy there", doNot, "/old", { inode: 99, isNew: true }, [], { lost: 1 }],
  ] as [string, ImageLayers, string, Partial<FileOpen>, string[], Partial<Recording["counts"]>][]) {
    test(what, () => {
      const files: string[] = [];
      const recording = new Recording({ layers: told, onFile: ({ path }) => files.push(path) });
      recording.open(open(path, { ...file, unplaced: true }));
      expect(files).toEqual(paths);
      expect(recording.counts).toMatchObject({ lost: 0, runtime: 0, deleted: 0, ...counts });
    });
  }
});

describe("Recording.lost()", () => {
  test("counts each loss and names it once", () => {
    const { recording } = record([]);
    const losses: Loss[] = ["queue overflow", "queue overflow", "event lost: EMFILE", "tracer ended"];
    for (const loss of losses) recording.lost(loss);
    expect(recording.counts).toMatchObject({ overflows: 2, lost: 2 });
    expect(recording.trouble).toEqual(["queue overflow", "event lost: EMFILE", "tracer ended"]);
  });

  test("has a limit to what it names", () => {
    const { recording } = record([]);
    for (let reason = 0; reason < 1000; reason++) recording.fail(`reason ${reason}`);
    expect(recording.trouble).toHaveLength(32);
  });
});
