import { describe, expect, test } from "bun:test";
import { cgroupFolder, firstPidOfCgroup, otherContainerOf } from "../../src/session/cgroup.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { ownCgroup } from "../helpers/own-cgroup.ts";
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

describe("firstPidOfCgroup()", () => {
  rootTest("finds the process of a container, also in a cgroup below", async () => {
    const name = `/optimizer-test-${process.pid}`;
    using _cgroup = ownCgroup(name);
    expect(await firstPidOfCgroup(name)).toBeUndefined();
    using below = ownCgroup(`${name}/container`);
    await using container = await heldContainer({ root: { kind: "mount", fsType: "tmpfs", options: [] } });
    below.take(container.pid);
    expect(await firstPidOfCgroup(name)).toBe(container.pid);
  });

  for (const path of ["", "/no/such/cgroup", "kubepods.slice:crio:none", "/../../../proc"]) {
    test(`finds none for "${path}"`, async () => {
      expect(await firstPidOfCgroup(path)).toBeUndefined();
    });
  }
});

describe("otherContainerOf()", () => {
  const ids = ["a", "b"].map((digit) => digit.repeat(64));
  const [own = "", other = ""] = ids;

  rootTest("tells the container whose cgroup a process is in, if that is another one", async () => {
    using _cgroup = ownCgroup(`/${other}`);
    using below = ownCgroup(`/${other}/init.scope`);
    await using container = await heldContainer({ root: { kind: "mount", fsType: "tmpfs", options: [] } });
    expect(otherContainerOf(container.pid, own)).toBeUndefined();
    below.take(container.pid);
    expect(otherContainerOf(container.pid, own)).toBe(other);
    expect(otherContainerOf(container.pid, other)).toBeUndefined();
    expect(otherContainerOf(container.pid, "web-1")).toBeUndefined();
  });

  rootTest("says nothing of a process in our own container's cgroup, nor of one that is gone", () => {
    expect(otherContainerOf(process.pid, own)).toBeUndefined();
    expect(otherContainerOf(0x7fffffff, own)).toBeUndefined();
  });
});
