import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { cgroupFolder, firstPidOfCgroup } from "../../src/session/cgroup.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { rootTest } from "../helpers/root.ts";

describe("cgroupFolder()", () => {
  for (const [path, folder] of [
    ["/kubepods/pod1/c0ffee", "/kubepods/pod1/c0ffee"],
    ["/", "/"],
    ["system.slice:cri-containerd:c0ffee", "/system.slice/cri-containerd-c0ffee.scope"],
    [
      "kubepods-besteffort-podab_c.slice:cri-containerd:c0ffee",
      "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podab_c.slice/cri-containerd-c0ffee.scope",
    ],
    ["kubepods.slice:crio:c0ffee", "/kubepods.slice/crio-c0ffee.scope"],
    ["kubepods.slice::c0ffee", "/kubepods.slice/c0ffee.scope"],
    ["", undefined],
    ["kubepods/c0ffee", undefined],
    ["kubepods.slice", undefined],
    ["kubepods.slice:crio:", undefined],
    ["kubepods.slice:crio:a:b", undefined],
    ["kubepods:crio:a", undefined],
    ["/../../etc", undefined],
    ["../x.slice:crio:a", undefined],
    ["x.slice:../../etc:a", undefined],
    ["x.slice:crio:../../etc", undefined],
  ] as const) {
    test(`of "${path}" is ${folder}`, () => {
      expect(cgroupFolder(path)).toBe(folder as string);
    });
  }
});

/** Where this system lets us make a cgroup of our own. */
const hierarchy = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].find((path) =>
  existsSync(`${path}/cgroup.procs`),
);

/** A cgroup that is removed with the test; no process may be in it then. */
function ownCgroup(name: string): Disposable {
  mkdirSync(`${hierarchy}${name}`);
  return { [Symbol.dispose]: () => rmdirSync(`${hierarchy}${name}`) };
}

describe("firstPidOfCgroup()", () => {
  rootTest("finds the process of a container, also in a cgroup below", async () => {
    const name = `/optimizer-test-${process.pid}`;
    using _cgroup = ownCgroup(name);
    expect(await firstPidOfCgroup(name)).toBeUndefined();
    using _below = ownCgroup(`${name}/container`);
    await using container = await heldContainer({ root: { kind: "mount", fsType: "tmpfs", options: [] } });
    writeFileSync(`${hierarchy}${name}/container/cgroup.procs`, `${container.pid}`);
    expect(await firstPidOfCgroup(name)).toBe(container.pid);
  });

  for (const path of ["", "/no/such/cgroup", "kubepods.slice:crio:none", "/../../../proc"]) {
    test(`finds none for "${path}"`, async () => {
      expect(await firstPidOfCgroup(path)).toBeUndefined();
    });
  }
});
