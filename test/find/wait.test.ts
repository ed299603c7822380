import { describe, expect, test } from "bun:test";
import { waitForContainer } from "../../src/find/wait.ts";
import { criAnnotations, FakeHost, hexId } from "./fake-host.ts";

const A = hexId("a1b2c3d4e5f6");
const B = hexId("b2");

/** A host with one container in a pod. */
function oneContainer(): FakeHost {
  const host = new FakeHost();
  host.bundle("k8s.io", A, { annotations: criAnnotations("web-0", "nginx"), pid: 11 });
  host.shim(10, "k8s.io", A);
  host.process({ pid: 11, parent: 10 });
  return host;
}

/** Begins to wait; returns when all that runs was looked at. */
async function beginWaiting(host: FakeHost, query: string, already: "take" | "ignore" = "take") {
  const { promise: looked, resolve: onLook } = Promise.withResolvers<number>();
  const signal = AbortSignal.timeout(5000);
  const found = waitForContainer(query, { ...host.options, signal, onLook, already });
  return { found, running: await looked };
}

describe("waitForContainer()", () => {
  test.each(["nginx", "web-0/nginx", A, A.slice(0, 12), "nginx:1.25", "docker.io/library/nginx"])(
    "takes one that runs already: %s",
    async (query) => {
      using host = oneContainer();
      const signal = AbortSignal.timeout(5000);
      expect(await waitForContainer(query, { ...host.options, signal })).toMatchObject({ id: A, pid: 11 });
    },
  );

  test.each(["db", "web-0/db", "mysql", "docker.io/library/mysql:8", `mysql@sha256:${"0".repeat(64)}`, B])(
    "sees one begin in a pod that runs: %s",
    async (query) => {
      using host = oneContainer();
      const { found, running } = await beginWaiting(host, query);
      expect(running).toBe(1);
      const image = `docker.io/library/mysql:8@sha256:${"0".repeat(64)}`;
      host.process({ pid: 12, parent: 10 });
      host.bundle("k8s.io", B, { annotations: criAnnotations("web-0", "db", image), pid: 12 });
      expect(await found).toMatchObject({ id: B, pid: 12, name: "db" });
    },
  );

  test("sees one begin with a shim of its own, not before it has a process", async () => {
    using host = oneContainer();
    const { found } = await beginWaiting(host, "job");
    host.bundle("default", "job", {});
    host.shim(20, "default", "job");
    host.bundle("default", "job", { pid: 21 });
    host.process({ pid: 21, parent: 20 });
    expect(await found).toMatchObject({ id: "job", pid: 21 });
  });

  test("sees one whose shim had not become that program at first sight", async () => {
    using host = oneContainer();
    host.bundle("default", "job", { pid: 21 });
    const cwd = "/run/containerd/io.containerd.runtime.v2.task/default/job";
    host.process({ pid: 20, words: ["/usr/bin/containerd"], cwd });
    host.process({ pid: 21, parent: 20 });
    const { found } = await beginWaiting(host, "job");
    host.exec(20, ["/usr/bin/containerd-shim-runc-v2", "-namespace", "default", "-id", "job"]);
    expect(await found).toMatchObject({ id: "job", pid: 21 });
  });

  test("ignores one that ran already when told so", async () => {
    using host = oneContainer();
    const { found } = await beginWaiting(host, "nginx", "ignore");
    host.process({ pid: 12, parent: 10 });
    host.bundle("k8s.io", B, { annotations: criAnnotations("web-1", "nginx"), pid: 12 });
    expect(await found).toMatchObject({ id: B });
  });

  test.each(["mysql", "nginx:1.26", "a1b2", "web-0", `nginx@sha256:${"0".repeat(64)}`, "", "/"])(
    "goes on waiting for what does not fit, until it is aborted: %j",
    async (query) => {
      using host = oneContainer();
      const controller = new AbortController();
      const { promise: looked, resolve: onLook } = Promise.withResolvers<number>();
      const found = waitForContainer(query, { ...host.options, signal: controller.signal, onLook });
      await looked;
      const reason = new Error("enough");
      controller.abort(reason);
      expect(await found.catch((error: unknown) => error)).toBe(reason);
    },
  );
});
