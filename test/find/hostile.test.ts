import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { rmSync, truncateSync } from "node:fs";
import { listContainers } from "../../src/find/list.ts";
import { dockerRecord, FakeHost, hexId } from "./fake-host.ts";

const A = hexId("a1");
const B = hexId("b2");

describe("listContainers() trusts no file", () => {
  const config = `/run/containerd/io.containerd.runtime.v2.task/default/web/config.json`;
  const garbage = ["", "{", "null", "[]", "7", '"x"', "\0\xff", '{"ociVersion":{}}', "[".repeat(100_000)];

  test.each(garbage.map((text) => [text.slice(0, 20), text]))("a config.json of %j", async (_, text) => {
    using host = new FakeHost();
    host.shim(10, "default", "web");
    host.file(config, text);
    expect((await listContainers(host.options)).containers).toEqual([]);
  });

  test.each([
    ["texts that are none", { annotations: { "io.kubernetes.cri.container-name": { a: 1 } } }],
    ["annotations that are a list", { annotations: ["x"] as never }],
    ["a name without end", { annotations: { "io.kubernetes.cri.container-name": "x".repeat(100_000) } }],
    ["labels that are no JSON", { annotations: { "io.kubernetes.cri-o.Labels": "{", __proto__: "x" } }],
  ])("%s", async (_, spec) => {
    using host = new FakeHost();
    host.bundle("default", "web", { ...spec, pid: 12 });
    host.shim(10, "default", "web");
    host.process({ pid: 12, parent: 10 });
    expect((await listContainers(host.options)).containers).toMatchObject([{ id: "web", name: "web" }]);
  });

  test.each(["-1", "0", "1e3", "12 13", "9".repeat(400), "12\0", ""])("an init.pid of %j", async (text) => {
    using host = new FakeHost();
    host.bundle("default", "web", {});
    host.file(config.replace("config.json", "init.pid"), text);
    host.shim(10, "default", "web");
    host.process({ pid: 12, parent: 10 });
    expect((await listContainers(host.options)).containers).toEqual([]);
  });

  test("a FIFO, a folder, a device and a huge file in the place of a file", async () => {
    using host = new FakeHost();
    for (const id of ["a", "b", "c", "d"]) host.bundle("default", id, {});
    host.shim(10, "default", "a");
    const at = (id: string) => host.at(config.replace("/web/", `/${id}/`));
    for (const id of ["a", "b", "c"]) rmSync(at(id));
    execFileSync("mkfifo", [at("a")]);
    host.file(`${config.replace("/web/", "/b/")}/x`, "");
    host.link(config.replace("/web/", "/c/"), "/dev/zero");
    truncateSync(at("d"), 1 << 40);
    expect(await listContainers(host.options)).toMatchObject({ containers: [], stopped: [] });
  });

  test.each(garbage.map((text) => [text.slice(0, 20), text]))(
    "Docker's and the storage's files of %j",
    async (_, text) => {
      using host = new FakeHost();
      host.file(`/var/lib/docker/containers/${A}/config.v2.json`, text);
      host.file("/var/lib/containers/storage/overlay-containers/containers.json", text);
      host.file("/etc/docker/daemon.json", text);
      host.file("/run/crun/web/status", text);
      host.file("/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db", text);
      host.process({ pid: 10, words: ["dockerd"] });
      expect(await listContainers(host.options)).toMatchObject({ containers: [], stopped: [] });
    },
  );

  test("a record that claims another id", async () => {
    using host = new FakeHost();
    host.json(`/var/lib/docker/containers/${A}/config.v2.json`, dockerRecord(B, "web"));
    expect((await listContainers(host.options)).stopped).toEqual([]);
  });
});
