import { describe, expect, test } from "bun:test";
import { listContainers } from "../../src/find/list.ts";
import { dockerRecord, FakeHost, hexId } from "./fake-host.ts";

const A = hexId("a1");
const B = hexId("b2");
const C = hexId("c3");

describe("listContainers() by cgroups", () => {
  test("finds containers that no file tells of, by their oldest process", async () => {
    using host = new FakeHost();
    const words = ["x"];
    const cgroup = (name: string) => `0::/kubepods.slice/kubepods-pod1.slice/${name}\n`;
    host.process({ pid: 20, words, cgroup: cgroup(`cri-containerd-${A}.scope`), startTicks: 50 });
    host.process({ pid: 30, words, cgroup: cgroup(`cri-containerd-${A}.scope/child`), startTicks: 40 });
    host.process({ pid: 40, words, cgroup: `1:pids:/docker/${B}\n` });
    host.process({ pid: 50, words, cgroup: `0::/machine.slice/libpod-conmon-${C}.scope\n` });
    expect((await listContainers(host.options)).containers).toEqual([
      { runtime: "containerd", id: A, name: "", imageReference: "", isSandbox: false, pid: 30 },
      { runtime: "docker", id: B, name: "", imageReference: "", isSandbox: false, pid: 40 },
    ]);
  });

  test("gives a process to a container that seemed to have none", async () => {
    using host = new FakeHost();
    host.json(`/var/lib/docker/containers/${A}/config.v2.json`, dockerRecord(A, "web"));
    host.process({ pid: 20, words: ["x"], cgroup: `0::/docker/${A}\n` });
    expect((await listContainers(host.options)).containers).toMatchObject([{ id: A, name: "web", pid: 20 }]);
  });
});
