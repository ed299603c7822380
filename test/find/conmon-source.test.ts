import { describe, expect, test } from "bun:test";
import { listContainers } from "../../src/find/list.ts";
import { FakeHost, hexId } from "./fake-host.ts";

const A = hexId("a1");
const B = hexId("b2");

describe("listContainers() on Podman, CRI-O and OCI runtimes", () => {
  const storage = "/home/kim/.local/share/containers/storage/overlay-containers";

  test("takes a container of Podman from conmon, and its image from the storage", async () => {
    using host = new FakeHost();
    const bundle = `${storage}/${A}/userdata`;
    const annotations = { "io.container.manager": "libpod" };
    host.json(`${bundle}/config.json`, { ociVersion: "1.0.2", annotations });
    host.file(`/run/user/1000/${A}.pid`, "12\n");
    host.process({ pid: 10, words: conmonWords(A, "web", bundle, `/run/user/1000/${A}.pid`) });
    host.process({ pid: 12, parent: 10 });
    // `podman exec` has a conmon of its own.
    host.process({
      pid: 13,
      words: [...conmonWords(A, "web", bundle, "/x").slice(0, 3), "-u", B, "-b", bundle],
    });
    host.json(`${storage}/volatile-containers.json`, [storedContainer(A, "web")]);
    host.json(`${storage}/containers.json`, [storedContainer(B, "db"), { id: 7 }, null]);
    const { containers, stopped } = await listContainers(host.options);
    const common = {
      runtime: "podman",
      imageReference: "docker.io/library/nginx:1.25",
      isSandbox: false,
    } as const;
    expect(containers).toEqual([{ ...common, id: A, name: "web", pid: 12 }]);
    expect(stopped).toEqual([{ ...common, id: B, name: "db" }]);
  });

  test("takes a container of CRI-O from conmon, and its names from the annotations", async () => {
    using host = new FakeHost();
    const bundle = `/run/containers/storage/overlay-containers/${A}/userdata`;
    host.json(`${bundle}/config.json`, { ociVersion: "1.0.2", annotations: crioAnnotations });
    host.file(`${bundle}/pidfile`, "12");
    host.process({
      pid: 10,
      words: conmonWords(A, "k8s_nginx_web-0_default_1_0", bundle, `${bundle}/pidfile`),
    });
    host.process({ pid: 12, parent: 10 });
    expect((await listContainers(host.options)).containers).toEqual([crioContainer]);
  });

  test("takes it from crun's state, when no conmon tells of it", async () => {
    using host = new FakeHost();
    const bundle = `/run/containers/storage/overlay-containers/${A}/userdata`;
    host.json(`${bundle}/config.json`, { ociVersion: "1.0.2", annotations: crioAnnotations });
    host.json(`/run/crun/${A}/status`, { pid: 12, "process-start-time": 345, bundle });
    host.process({ pid: 12, startTicks: 345 });
    expect((await listContainers(host.options)).containers).toEqual([crioContainer]);
  });

  test.each([
    [345, [{ runtime: "runc", id: "web", name: "web", imageReference: "", isSandbox: false, pid: 12 }]],
    [346, []],
  ])("takes a container of runc for the process that began then: at %d", async (startTicks, expected) => {
    using host = new FakeHost();
    host.json("/run/runc/web/state.json", {
      init_process_pid: 12,
      init_process_start: 345,
      config: { labels: ["x=y", "bundle=/srv/web"] },
    });
    host.json("/srv/web/config.json", { ociVersion: "1.0.2" });
    host.process({ pid: 12, startTicks });
    expect((await listContainers(host.options)).containers).toEqual(expected as never);
  });

  test("knows stopped containers of CRI-O by their storage", async () => {
    using host = new FakeHost();
    const metadata = { "pod-name": "web-0", name: "k8s_nginx_web-0_default_1_0", "image-name": "nginx:1.25" };
    host.json("/var/lib/containers/storage/overlay-containers/containers.json", [
      { id: A, metadata: JSON.stringify(metadata) },
    ]);
    expect((await listContainers(host.options)).stopped).toEqual([
      {
        runtime: "cri-o",
        id: A,
        name: "nginx",
        pod: crioContainer.pod,
        imageReference: "nginx:1.25",
        isSandbox: false,
      },
    ]);
  });
});

const crioAnnotations = {
  "io.container.manager": "cri-o",
  "io.kubernetes.cri-o.ContainerType": "container",
  "io.kubernetes.cri-o.ImageName": "docker.io/library/nginx:1.25",
  "io.kubernetes.cri-o.Metadata": '{"name":"nginx","attempt":0}',
  "io.kubernetes.cri-o.Labels":
    '{"io.kubernetes.container.name":"nginx","io.kubernetes.pod.name":"web-0","io.kubernetes.pod.namespace":"default"}',
};

const crioContainer = {
  runtime: "cri-o",
  id: A,
  name: "nginx",
  pod: { name: "web-0", namespace: "default" },
  imageReference: "docker.io/library/nginx:1.25",
  isSandbox: false,
  pid: 12,
} as const;

function conmonWords(id: string, name: string, bundle: string, pidFile: string): string[] {
  return [
    "/usr/bin/conmon",
    "-c",
    id,
    "-u",
    id,
    "-r",
    "/usr/bin/crun",
    "-b",
    bundle,
    "-p",
    pidFile,
    "-n",
    name,
  ];
}

function storedContainer(id: string, name: string) {
  const metadata = { "image-name": "docker.io/library/nginx:1.25", name };
  return { id, names: [name], metadata: JSON.stringify(metadata) };
}
