import { describe, expect, test } from "bun:test";
import { listContainers } from "../../src/find/list.ts";
import { dockerRecord, FakeHost, hexId } from "./fake-host.ts";

const A = hexId("a1");

describe("listContainers() on Docker", () => {
  test.each([
    ["its usual place", "/var/lib/docker", "/var/lib/docker/overlay2/1f/merged"],
    ["a data-root", "/data/docker", "/data/docker/overlay2/1f/merged"],
    ["containerd's snapshotters", "/data/docker", `/data/docker/rootfs/overlayfs/${A}`],
    ["vfs", "/data/docker", "/data/docker/vfs/dir/1f"],
    ["remapped users", "/data/docker/100000.100000", "/data/docker/100000.100000/overlay2/1f/merged"],
  ])("takes names and images out of %s", async (_, dataRoot, rootPath) => {
    using host = new FakeHost();
    host.bundle("moby", A, { rootPath, pid: 12 }, "/run/docker/containerd/daemon");
    host.shim(10, "moby", A, "/run/docker/containerd/daemon");
    host.process({ pid: 12, parent: 10 });
    host.json(`${dataRoot}/containers/${A}/config.v2.json`, dockerRecord(A, "web"));
    expect((await listContainers(host.options)).containers).toEqual([
      {
        runtime: "docker",
        namespace: "moby",
        id: A,
        name: "web",
        imageReference: "nginx:1.25",
        isSandbox: false,
        pid: 12,
      },
    ]);
  });

  test.each([
    ["a flag", ["dockerd", "--data-root=/data/docker"], {}],
    ["daemon.json", ["/usr/bin/dockerd", "-H", "fd://"], { "data-root": "/data/docker" }],
    ["an older daemon.json", ["dockerd"], { graph: "/data/docker" }],
  ])("finds stopped ones in the data-root of %s", async (_, words, config) => {
    using host = new FakeHost();
    host.json("/etc/docker/daemon.json", config);
    host.process({ pid: 10, words });
    host.json(`/data/docker/containers/${A}/config.v2.json`, dockerRecord(A, "web"));
    const { stopped, looked } = await listContainers(host.options);
    expect(stopped).toMatchObject([{ runtime: "docker", id: A, name: "web" }]);
    expect(looked[0]).toBe("/data/docker");
  });

  test("reads pods of cri-dockerd", async () => {
    using host = new FakeHost();
    const labels = {
      "io.kubernetes.container.name": "nginx",
      "io.kubernetes.pod.name": "web-0",
      "io.kubernetes.pod.namespace": "default",
    };
    const record = dockerRecord(A, "k8s_nginx_web-0_default_1_0");
    host.json(`/var/lib/docker/containers/${A}/config.v2.json`, {
      ...record,
      Config: { ...record.Config, Labels: labels },
    });
    expect((await listContainers(host.options)).stopped).toMatchObject([
      { name: "nginx", pod: { name: "web-0", namespace: "default" } },
    ]);
  });
});
