import { describe, expect, test } from "bun:test";
import { listContainers } from "../../src/find/list.ts";
import { criAnnotations, FakeHost, hexId } from "./fake-host.ts";

const A = hexId("a1");
const B = hexId("b2");

describe("listContainers() on containerd", () => {
  test("finds all containers of a pod by its one shim, in whichever folder it keeps its state", async () => {
    using host = new FakeHost();
    const state = "/data/state";
    host.bundle("k8s.io", A, { annotations: sandboxAnnotations, pid: 11 }, state);
    host.bundle("k8s.io", B, { annotations: criAnnotations("web-0", "nginx"), pid: 12 }, state);
    host.shim(10, "k8s.io", A, state);
    host.process({ pid: 11, parent: 10 });
    host.process({ pid: 12, parent: 10 });
    const { containers, stopped, looked } = await listContainers(host.options);
    const pod = { name: "web-0", namespace: "default" };
    const common = { runtime: "containerd", namespace: "k8s.io", pod } as const;
    expect(containers).toEqual([
      { ...common, id: A, name: "", imageReference: "", isSandbox: true, pid: 11 },
      {
        ...common,
        id: B,
        name: "nginx",
        imageReference: "docker.io/library/nginx:1.25",
        isSandbox: false,
        pid: 12,
      },
    ]);
    expect(stopped).toEqual([]);
    expect(looked).toEqual([`${host.at(state)} (k8s.io)`, "the command lines and cgroups of 3 processes"]);
  });

  test("counts pids as the shim does, which may be in a pid namespace of its own", async () => {
    using host = new FakeHost();
    host.bundle("default", "web", { pid: 7 });
    host.process({
      pid: 100,
      pids: [100, 5],
      words: ["containerd-shim-runc-v2", "-namespace", "default", "-id", "web"],
      cwd: "/run/containerd/io.containerd.runtime.v2.task/default/web",
    });
    host.process({ pid: 7, parent: 1 });
    host.process({ pid: 101, parent: 1, pids: [101, 7] });
    host.process({ pid: 102, parent: 100, pids: [102, 7, 1] });
    expect((await listContainers(host.options)).containers).toMatchObject([
      { id: "web", name: "web", pid: 102 },
    ]);
  });

  test.each([
    ["is gone", { pid: 99 }],
    ["belongs to another process now", { pid: 12, parent: 1 }],
    ["has ended and was not waited for", { pid: 12, parent: 10, state: "Z" }],
  ])("takes a container for stopped whose pid %s", async (_, process) => {
    using host = new FakeHost();
    host.bundle("default", "web", { pid: 12 });
    host.shim(10, "default", "web");
    host.process(process);
    const { containers, stopped } = await listContainers(host.options);
    expect(containers).toEqual([]);
    expect(stopped).toMatchObject([{ id: "web" }]);
  });

  test("what poses as a shim and works in no bundle's folder is none", async () => {
    using host = new FakeHost();
    host.file("/anywhere/config.json", "{}");
    host.process({
      pid: 10,
      words: ["containerd-shim-x", "-namespace", "default", "-id", "web"],
      cwd: "/anywhere",
    });
    expect((await listContainers(host.options)).containers).toEqual([]);
  });

  test("takes nerdctl's names", async () => {
    using host = new FakeHost();
    host.bundle("default", A, { annotations: { "nerdctl/name": "db" }, pid: 12 });
    host.shim(10, "default", A);
    host.process({ pid: 12, parent: 10 });
    expect((await listContainers(host.options)).containers).toMatchObject([{ id: A, name: "db" }]);
  });
});

const sandboxAnnotations = {
  ...criAnnotations("web-0", ""),
  "io.kubernetes.cri.container-type": "sandbox",
  "io.kubernetes.cri.image-name": "",
};
