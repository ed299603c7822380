import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import type { LinkFile } from "../../src/sys/file-place.ts";
import { beginReplacement } from "../../src/sys/file-replacement.ts";
import { findOutputTarget } from "../../src/sys/output-target.ts";
import { loadShim } from "../../src/sys/shim.ts";
import { rootTest } from "../helpers/root.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";

const { linkFile } = loadShim();

/** With the link call, and on a file system that has no files without a name. */
const ways = [
  ["unnamed", linkFile],
  ["named", undefined],
] as const;

async function begin(path: string, link: LinkFile | undefined) {
  const target = await findOutputTarget(path);
  if (target.kind !== "file") throw new Error(`${path} is no regular file`);
  return beginReplacement(target, { linkFile: link, mode: 0o640, foreign: "refuse" });
}

async function replace(path: string, text: string, link: LinkFile | undefined): Promise<void> {
  await using output = await begin(path, link);
  await output.write(Buffer.from(text));
  await output.finish();
}

const read = (folder: TemporaryFolder, name: string): string => readFileSync(folder.at(name), "utf8");

for (const [way, link] of ways) {
  describe(`beginReplacement() by ${way} files`, () => {
    test("makes a new file, which is not there before it is whole", async () => {
      using folder = temporaryFolder();
      {
        await using output = await begin(folder.at("new"), link);
        expect(readdirSync(folder.path)).toEqual([]);
        await output.write(Buffer.from("one\n"));
        await output.write(Buffer.from("two\n"));
        expect(readdirSync(folder.path)).not.toContain("new");
        await output.finish();
      }
      expect(readdirSync(folder.path)).toEqual(["new"]);
      expect(read(folder, "new")).toBe("one\ntwo\n");
      expect(statSync(folder.at("new")).mode & 0o777).toBe(0o640);
    });

    rootTest("replaces an older file at once, and keeps its mode and owner", async () => {
      using folder = temporaryFolder();
      writeFileSync(folder.at("file"), "old and long\n");
      chownSync(folder.at("file"), 1234, 4321);
      chmodSync(folder.at("file"), 0o604);
      linkSync(folder.at("file"), folder.at("other"));
      {
        await using output = await begin(folder.at("file"), link);
        await output.write(Buffer.from("new\n"));
        expect(read(folder, "file")).toBe("old and long\n");
        await output.finish();
      }
      expect(readdirSync(folder.path).sort()).toEqual(["file", "other"]);
      expect(read(folder, "file")).toBe("new\n");
      const { uid, gid, mode } = statSync(folder.at("file"));
      expect([uid, gid, mode & 0o777]).toEqual([1234, 4321, 0o604]);
      expect(read(folder, "other")).toBe("old and long\n"); // nothing was written over
    });

    rootTest("keeps mode and owner of a file that somebody makes meanwhile", async () => {
      using folder = temporaryFolder();
      await using output = await begin(folder.at("file"), link);
      await output.write(Buffer.from("new\n"));
      writeFileSync(folder.at("file"), "made meanwhile\n");
      chownSync(folder.at("file"), 1234, 4321);
      chmodSync(folder.at("file"), 0o604);
      await output.finish();
      const { uid, gid, mode } = statSync(folder.at("file"));
      expect([uid, gid, mode & 0o777]).toEqual([1234, 4321, 0o604]);
      expect(read(folder, "file")).toBe("new\n");
      expect(readdirSync(folder.path)).toEqual(["file"]);
    });

    rootTest("is not given to a stranger who makes such a file in a folder like /tmp", async () => {
      using folder = temporaryFolder();
      chmodSync(folder.path, 0o1777);
      await using output = await begin(folder.at("file"), link);
      await output.write(Buffer.from("new\n"));
      writeFileSync(folder.at("file"), "made meanwhile\n");
      chownSync(folder.at("file"), 65534, 65534);
      chmodSync(folder.at("file"), 0o666);
      await output.finish();
      const { uid, mode } = statSync(folder.at("file"));
      expect([uid, mode & 0o777]).toEqual([0, 0o640]);
      expect(read(folder, "file")).toBe("new\n");
    });

    test("follows a link, also to nothing, and leaves the link", async () => {
      using folder = temporaryFolder();
      mkdirSync(folder.at("inner"));
      writeFileSync(folder.at("inner", "file"), "old\n");
      symlinkSync("inner/file", folder.at("link"));
      symlinkSync("inner/new", folder.at("dangling"));
      await replace(folder.at("link"), "new\n", link);
      await replace(folder.at("dangling"), "first\n", link);
      expect(read(folder, "inner/file")).toBe("new\n");
      expect(read(folder, "inner/new")).toBe("first\n");
      expect(readdirSync(folder.path).sort()).toEqual(["dangling", "inner", "link"]);
      expect(readdirSync(folder.at("inner")).sort()).toEqual(["file", "new"]);
    });

    test("leaves everything as it was when it is not finished", async () => {
      using folder = temporaryFolder();
      writeFileSync(folder.at("file"), "old\n");
      for (const name of ["file", "new"]) {
        await using output = await begin(folder.at(name), link);
        await output.write(Buffer.from("half"));
      }
      expect(readdirSync(folder.path)).toEqual(["file"]);
      expect(read(folder, "file")).toBe("old\n");
    });

    test("stays in its folder, should that be renamed meanwhile", async () => {
      using folder = temporaryFolder();
      mkdirSync(folder.at("before"));
      const before = folder.at("before");
      await using output = await begin(`${before}/file`, link);
      await output.write(Buffer.from("text"));
      renameSync(before, folder.at("after"));
      await output.finish();
      expect(read(folder, "after/file")).toBe("text");
    });

    test("names may be as long as the file system allows", async () => {
      using folder = temporaryFolder();
      const name = "n".repeat(255);
      for (const text of ["one", "two"]) await replace(folder.at(name), text, link);
      expect(read(folder, name)).toBe("two");
      expect(readdirSync(folder.path)).toEqual([name]);
    });

    test("fails when the name becomes a folder's, and leaves nothing else", async () => {
      using folder = temporaryFolder();
      const output = await begin(folder.at("name"), link);
      await output.write(Buffer.from("text"));
      mkdirSync(folder.at("name"));
      await expect(output.finish()).rejects.toThrow("EISDIR");
      await output[Symbol.asyncDispose]();
      expect(readdirSync(folder.path)).toEqual(["name"]);
    });

    test("of several at the same moment one is left, whole", async () => {
      using folder = temporaryFolder();
      const texts = Array.from({ length: 20 }, (_, index) => `${index}\n`.repeat(1000));
      await Promise.all(texts.map((text) => replace(folder.at("file"), text, link)));
      expect(texts).toContain(read(folder, "file"));
      expect(readdirSync(folder.path)).toEqual(["file"]);
    });
  });
}

describe("beginReplacement()", () => {
  rootTest("never puts a stranger's file in the place, though its name could be foreseen", async () => {
    using folder = temporaryFolder();
    chmodSync(folder.path, 0o1777);
    writeFileSync(folder.at("out"), "old\n");
    // The name that was once taken for the last step: everybody can tell it from the file's name.
    const hash = createHash("sha256").update("out").digest("hex").slice(0, 16);
    const planted = folder.at(`.optimizer-${hash}`);
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const { exitCode } = Bun.spawnSync([...nobody, "ln", "-s", "/etc/passwd", planted]);
    expect(exitCode).toBe(0);
    const seen: string[] = [];
    await replace(folder.at("out"), "new\n", (fd, path) => {
      seen.push(lstatSync(folder.at("out")).isFile() ? read(folder, "out") : "no file");
      linkFile(fd, path);
    });
    expect(seen.length).toBeGreaterThan(1);
    expect(new Set(seen)).toEqual(new Set(["old\n"]));
    expect(read(folder, "out")).toBe("new\n");
    expect(readlinkSync(planted)).toBe("/etc/passwd");
    expect(lstatSync(planted).uid).toBe(65534);
    expect(readdirSync(folder.path)).toHaveLength(2);
  });

  rootTest("writes over a file that is a mount point", async () => {
    using folder = temporaryFolder();
    for (const name of ["file", "mounted"]) writeFileSync(folder.at(name), "old and long\n");
    const script = 'mount --bind "$1/mounted" "$1/file" && exec "$2" "$3" completions bash -o "$1/file"';
    const main = `${import.meta.dir}/../../src/main.ts`;
    const args = ["unshare", "--mount", "sh", "-c", script, "sh", folder.path, process.execPath, main];
    const { exitCode, stderr } = Bun.spawnSync(args);
    expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
    expect(read(folder, "mounted")).toStartWith("_optimizer() {");
    expect(read(folder, "file")).toBe("old and long\n");
    expect(readdirSync(folder.path).sort()).toEqual(["file", "mounted"]);
  });

  test("a file that vanishes meanwhile is made", async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("file"), "old\n");
    await using output = await begin(folder.at("file"), linkFile);
    rmSync(folder.at("file"));
    await output.write(Buffer.from("new\n"));
    await output.finish();
    expect(read(folder, "file")).toBe("new\n");
    expect(readdirSync(folder.path)).toEqual(["file"]);
  });
});
