import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  closeSync,
  lchownSync,
  mkdirSync,
  openSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { findOutputTarget } from "../../src/sys/output-target.ts";
import { rootTest } from "../helpers/root.ts";
import { makeFifo, makeNullDevice } from "../helpers/special-files.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";

const OWNER = 1234;
const STRANGER = 65534;

/** A folder with one of each kind, and links to them. */
function oneOfEach(): TemporaryFolder {
  const folder = temporaryFolder();
  writeFileSync(folder.at("file"), "");
  mkdirSync(folder.at("inner", "deep"), { recursive: true });
  makeFifo(folder.at("fifo"));
  for (const [name, target] of [
    ["to-file", "file"],
    ["to-link", "to-file"],
    ["to-fifo", "fifo"],
    ["to-nothing", "inner/new"],
    ["to-absolute", folder.at("inner/new")],
    ["inner/up", "../file"],
    ["to-deep", "inner/deep"],
    ["through-link", "to-deep/../beside"],
    ["to-no-folder", "none/new"],
    ["to-folder", "inner"],
    ["to-slash", "new/"],
    ["circle", "circle"],
  ] as const) {
    symlinkSync(target, folder.at(name));
  }
  return folder;
}

describe("findOutputTarget()", () => {
  for (const [name, folderName, fileName, exists] of [
    ["file", "", "file", true],
    ["./file", "", "file", true],
    ["inner/../file", "", "file", true],
    ["new", "", "new", false],
    ["to-file", "", "file", true],
    ["to-link", "", "file", true],
    ["inner/up", "", "file", true],
    ["to-folder/up", "", "file", true],
    ["to-nothing", "/inner", "new", false],
    ["to-absolute", "/inner", "new", false],
    // The link is followed before its dots: this is not beside the link, but beside the folder it leads to.
    ["through-link", "/inner", "beside", false],
  ] as const) {
    test(`of ${name} is ${fileName} in ${folderName || "the folder"}, which is ${exists ? "there" : "free"}`, async () => {
      using folder = oneOfEach();
      const target = await findOutputTarget(`${folder.path}/${name}`);
      expect(target).toMatchObject({ kind: "file", name: fileName });
      const found = target.kind === "file" ? realpathSync.native(target.folder) : "";
      expect(found).toBe(`${folder.path}${folderName}`);
      expect(target.kind === "file" && target.existing !== undefined).toBe(exists);
    });
  }

  for (const name of ["fifo", "to-fifo"]) {
    test(`of ${name} is the FIFO itself`, async () => {
      using folder = oneOfEach();
      const path = folder.at(name);
      expect(await findOutputTarget(path)).toEqual({ kind: "stream", path });
    });
  }

  rootTest("of a device is the device itself", async () => {
    using folder = oneOfEach();
    const path = folder.at("null");
    makeNullDevice(path);
    expect(await findOutputTarget(path)).toEqual({ kind: "stream", path });
  });

  for (const [name, message] of [
    ["inner", "EISDIR: it is a folder: name a file in it (PATH/list)"],
    ["inner/", "EISDIR: it is a folder: name a file in it (FOLDER/inner/list)"],
    ["to-folder", "EISDIR: it is a folder: name a file in it (PATH/list)"],
    ["new/", "EISDIR: it is a folder: name a file in it (FOLDER/new/list)"],
    ["to-slash", "EISDIR: it is a folder: name a file in it (PATH/list)"],
    ["none/new", "ENOENT: make the folder first (mkdir -p FOLDER/none)"],
    ["to-no-folder", "ENOENT: make the folder first (mkdir -p FOLDER/none)"],
    ["file/new", "ENOTDIR: a part of the path is no folder"],
    ["file/", "ENOTDIR: a part of the path is no folder"],
    ["circle", "ELOOP: its symbolic links lead in a circle"],
    ["n".repeat(256), "ENAMETOOLONG: choose a shorter name"],
  ] as const) {
    test(`refuses ${name.slice(0, 20)}: ${message.slice(0, 30)}`, async () => {
      using folder = oneOfEach();
      const path = `${folder.path}/${name}`;
      const expected = `Cannot write to ${path}: ${message.replace("PATH", path).replace("FOLDER", folder.path)}`;
      await expect(findOutputTarget(path)).rejects.toThrow(expected);
    });
  }

  test("refuses the empty name", async () => {
    await expect(findOutputTarget("")).rejects.toThrow('Cannot write to "": ENOENT: name a file');
  });

  rootTest(
    "refuses a stranger's link in a folder that all may write to, and follows others there",
    async () => {
      using folder = oneOfEach();
      const shared = folder.at("inner");
      chownSync(shared, OWNER, OWNER);
      chmodSync(shared, 0o1777);
      const path = folder.at("inner", "up");
      const expected = `Cannot write to ${path}: EACCES`;
      for (const uid of [0, OWNER]) {
        lchownSync(path, uid, uid);
        expect(await findOutputTarget(path)).toMatchObject({ kind: "file", name: "file" });
      }
      lchownSync(path, STRANGER, STRANGER);
      await expect(findOutputTarget(path)).rejects.toThrow(expected);
      // Also where a link of our own leads to it, and where it leads to nothing.
      symlinkSync("inner/up", folder.at("to-stranger"));
      await expect(findOutputTarget(folder.at("to-stranger"))).rejects.toThrow("EACCES");
      rmSync(folder.at("file"));
      await expect(findOutputTarget(path)).rejects.toThrow("EACCES");
      for (const mode of [0o777, 0o1775]) {
        chmodSync(shared, mode);
        expect(await findOutputTarget(path)).toMatchObject({ kind: "file", name: "file" });
      }
    },
  );

  test("refuses a socket", async () => {
    using folder = temporaryFolder();
    const path = folder.at("socket");
    const server = createServer().listen(path);
    await new Promise((resolve) => server.once("listening", resolve));
    try {
      await expect(findOutputTarget(path)).rejects.toThrow(
        `Cannot write to ${path}: ENXIO: it is a socket: name a file or a FIFO`,
      );
    } finally {
      server.close();
    }
  });

  test("of /dev/fd/N is that descriptor, whatever lies behind, if it may be written to", async () => {
    using folder = oneOfEach();
    const writing = openSync(folder.at("file"), "w");
    const reading = openSync(folder.at("file"), "r");
    try {
      for (const path of [`/dev/fd/${writing}`, `/proc/self/fd/${writing}`]) {
        expect(await findOutputTarget(path)).toMatchObject({ kind: "descriptor", fd: writing });
      }
      expect(await findOutputTarget("/dev/stdout")).toMatchObject({ kind: "descriptor", fd: 1 });
      await expect(findOutputTarget(`/dev/fd/${reading}`)).rejects.toThrow(
        `Cannot write to /dev/fd/${reading}: EBADF: that descriptor is not open for writing`,
      );
      await expect(findOutputTarget("/dev/fd/9999")).rejects.toThrow("EBADF");
    } finally {
      for (const fd of [writing, reading]) closeSync(fd);
    }
  });
});
