import { describe, expect } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { Host } from "../../src/find/host.ts";
import { type HeldContainer, heldContainer } from "../helpers/held-container.ts";
import { rootTest } from "../helpers/root.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";

const BYTES_MAX = 100;

/** A container that has planted links: to a secret of the host, and to files of its own. */
async function planted(folder: TemporaryFolder): Promise<HeldContainer & { readonly view: string }> {
  writeFileSync(folder.at("secret"), "secret");
  mkdirSync(folder.at("secrets"));
  writeFileSync(folder.at("secrets", "inner"), "secret");
  const container = await heldContainer({
    root: { kind: "overlay", layers: [{ "/a": "own", "/dir/b": "b" }] },
  });
  const view = `/proc/${container.pid}/root`;
  for (const [name, target] of [
    ["absolute", folder.at("secret")],
    ["upwards", `../../../../../../../..${folder.at("secret")}`],
    ["folder", folder.at("secrets")],
    ["twice", "absolute"],
    ["own", "/dir/b"],
    ["dir/above", "../../../a"],
    ["circle", "circle"],
  ] as const) {
    symlinkSync(target, `${view}/${name}`);
  }
  return Object.assign(container, { view });
}

describe("Host, of what a container sees,", () => {
  rootTest("follows links as the container does, and never into the host's files", async () => {
    using folder = temporaryFolder();
    await using container = await planted(folder);
    const host = new Host();
    for (const start of ["root", "cwd"]) {
      const read = (path: string) => host.read(`/proc/${container.pid}/${start}/${path}`, BYTES_MAX);

      expect([
        read("a"),
        read("dir/b"),
        read("own"),
        read("dir/above"),
        read("../../a"),
        read("dir/../own"),
      ]).toEqual(["own", "b", "b", "own", "own", "b"]);
      for (const path of [
        "absolute",
        "upwards",
        "twice",
        "folder/inner",
        "circle",
        `..${folder.at("secret")}`,
      ]) {
        expect({ path, text: read(path) }).toEqual({ path, text: undefined });
      }
    }
    expect(host.list(`${container.view}/folder`)).toEqual([]);
    expect(host.list(`${container.view}/dir`).sort()).toEqual(["above", "b"]);
    expect(host.folderStamp(`${container.view}/folder`)).toBeUndefined();
    expect(host.readLink(`${container.view}/absolute`)).toBe(folder.at("secret"));
    expect(host.readLink(`${container.view}/folder/inner`)).toBeUndefined();
  });

  rootTest("of a process with the host's own root follows links as ever", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("file"), "text");
    symlinkSync(folder.at("file"), folder.at("link"));
    expect(new Host().read(`/proc/${process.pid}/root${folder.at("link")}`, BYTES_MAX)).toBe("text");
  });
});
