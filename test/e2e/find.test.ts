import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Container } from "../../scripts/rig/container.ts";
import { CONTAINERD_VERSIONS, Containerd } from "../../scripts/rig/containerd.ts";
import { Docker, ENGINE_IMAGE, fetchEngines } from "../../scripts/rig/engines.ts";
import { NamespaceMode } from "../../scripts/rig/gen/cri_pb.ts";
import { Images } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { Podman } from "../../scripts/rig/podman.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import type { FoundContainer } from "../../src/find/container.ts";
import { findContainer } from "../../src/find/find.ts";
import { listContainers } from "../../src/find/list.ts";
import { waitForContainer } from "../../src/find/wait.ts";

const packages = await fetchPackages(console.error);
const engines = await fetchEngines(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const { cgroup } = currentRun();
const SLEEP = ["sleep", "1000"];

/**
 * Finds a container by its id, by the shortest beginning of it that will do, and by its names; and traces it by each:
 * what it executes is open, and so comes first.
 */
async function expectFound(expected: FoundContainer, names: readonly string[]): Promise<void> {
  const { id, pid } = expected;
  const program = readlinkSync(`/proc/${pid}/exe`);
  for (const query of [id, await uniquePrefix(id), ...names]) {
    expect(await findContainer(query)).toEqual(expected);
    const list = await listOf(query);
    expect({ query, list: list.split("\n") }).toMatchObject({
      list: [program, ...list.split("\n").slice(1)],
    });
  }
}

/** What a container that runs has open; more of it is not known, so that the list is not complete. */
async function listOf(query: string): Promise<string> {
  const child = Bun.spawn([join(ROOT, "dist/optimizer"), "trace", query, "--timeout", "100ms", "--list"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const list = await new Response(child.stdout).text();
  expect(await child.exited).toBe(3);
  return list;
}

async function uniquePrefix(id: string): Promise<string> {
  const { containers, stopped } = await listContainers();
  const others = [...containers, ...stopped].map((each) => each.id).filter((each) => each !== id);
  for (let length = 1; ; length++) {
    const prefix = id.slice(0, length);
    if (!others.some((each) => each.startsWith(prefix))) return prefix;
  }
}

async function errorOf(query: string): Promise<{ code: string; message: string }> {
  return await findContainer(query).then(
    () => ({ code: "found", message: "" }),
    ({ code, message }: { code: string; message: string }) => ({ code, message }),
  );
}

/** Begins to wait, starts a container when all that runs was looked at, and returns what came of both. */
async function startWhileWaiting<T>(query: string, start: () => Promise<T>): Promise<[FoundContainer, T]> {
  const { promise: looked, resolve: onLook } = Promise.withResolvers<number>();
  const waiting = waitForContainer(query, { signal: AbortSignal.timeout(30_000), onLook });
  await looked;
  return Promise.all([waiting, start()]);
}

describe.each([...CONTAINERD_VERSIONS])("find on containerd %s", (version) => {
  let containerd: Containerd;
  const own = (...args: string[]) => containerd.ctr("--namespace", "team-a", ...args);

  beforeAll(async () => {
    containerd = await Containerd.start({ version, packages });
    const image = await images.busybox();
    await containerd.importImage(image);
    await own("images", "import", image.tar);
  });

  afterAll(async () => {
    await containerd[Symbol.asyncDispose]();
  });

  test("a container of the CRI: by id, prefix, name, pod and name", async () => {
    await using other = await containerd.runContainer({ image: BUSYBOX, name: "side", command: SLEEP });
    await using container = await containerd.runContainer({ image: BUSYBOX, name: "web", command: SLEEP });
    const { id, pid } = container;
    expect(pid).not.toBe(other.pid);
    const pod = { name: "web", namespace: "default" };
    const common = { runtime: "containerd", namespace: "k8s.io", pod } as const;
    await expectFound({ ...common, id, name: "web", imageReference: BUSYBOX, isSandbox: false, pid }, [
      "web",
      "web/web",
      "default/web/web",
      `k8s.io/${id}`,
    ]);
    expect(await findContainer(container.podId)).toMatchObject({ isSandbox: true, pod });
  });

  test("two of one name are told apart, one that has ended is told of", async () => {
    await using first = await containerd.runContainer({ image: BUSYBOX, name: "twin", command: SLEEP });
    await using second = await containerd.runContainer({ image: BUSYBOX, name: "twin", command: SLEEP });
    const { code, message } = await errorOf("twin");
    expect(code).toBe("ambiguous");
    const [title, ...rows] = message.split("\n");
    expect(title).toBe('2 containers are called "twin"; say which one by its id or full name');
    expect(rows.sort()).toEqual(
      [first, second]
        .map(({ id }) => `  ${id.slice(0, 12)}  default/twin/twin  ${BUSYBOX}  containerd (k8s.io)`)
        .sort(),
    );
    await first.stop(0);
    expect((await findContainer("twin")).id).toBe(second.id);
    await second.stop(0);
    expect((await errorOf("twin")).code).toBe("stopped");
    expect(await errorOf(second.id)).toEqual({
      code: "stopped",
      message: `Container "default/twin/twin" (${second.id.slice(0, 12)}, containerd (k8s.io)) does not run; start it, or add --wait and start it then`,
    });
  });

  test("a container of ctr in a namespace of its own, with its image; killed; without its task", async () => {
    const id = `job-${version}`;
    await own("run", "--detach", "--null-io", "--cgroup", `${cgroup}/${id}`, BUSYBOX, id, ...SLEEP);
    const pid = Number(/^\S+\s+(\d+)/m.exec((await own("tasks", "ls")).replace(/^TASK.*\n/, ""))?.[1]);
    await expectFound(
      {
        runtime: "containerd",
        namespace: "team-a",
        id,
        name: id,
        imageReference: BUSYBOX,
        isSandbox: false,
        pid,
      },
      [`team-a/${id}`],
    );
    await own("tasks", "kill", "--signal", "SIGKILL", id);
    await waitFor(async () => (await errorOf(id)).code === "stopped", { what: "the task to end" });
    await own("tasks", "rm", id);
    expect((await errorOf(id)).code).toBe("stopped");
    await own("containers", "rm", id);
    expect((await errorOf(id)).code).toBe("not-found");
  });

  test("waits for a container of the CRI, by its image and by its name in a pod that runs", async () => {
    const [byImage, started] = await startWhileWaiting("busybox", () =>
      containerd.runContainer({ image: BUSYBOX, name: "late", command: SLEEP }),
    );
    await using container = started;
    expect(byImage).toMatchObject({ id: container.id, pid: container.pid });
    const [byName, later] = await startWhileWaiting("late/later", () => addToPod(container, "later"));
    expect(byName).toMatchObject({ id: later, name: "later", imageReference: BUSYBOX });
    expect(byName.pid).not.toBe(container.pid);
  });

  /** Starts one more container in a pod that runs. */
  async function addToPod({ podId: podSandboxId }: Container, name: string): Promise<string> {
    const { runtime } = containerd.cri;
    const securityContext = { namespaceOptions: { network: NamespaceMode.NODE } };
    const config = {
      metadata: { name },
      image: { image: BUSYBOX },
      command: SLEEP,
      linux: { securityContext },
    };
    const sandboxConfig = {
      metadata: { name: "late", namespace: "default" },
      linux: { cgroupParent: cgroup },
    };
    const { containerId } = await runtime.createContainer({ podSandboxId, config, sandboxConfig });
    await runtime.startContainer({ containerId });
    return containerId;
  }
});

test("a containerd in mount and pid namespaces of its own", async () => {
  await using child = Bun.spawn(
    [process.execPath, "scripts/rig/sandbox.ts", process.execPath, "test/e2e/hold.ts"],
    { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] },
  );
  const reader = child.stdout.getReader();
  await reader.read();
  const found = await findContainer("default/test/test");
  expect(found).toMatchObject({ runtime: "containerd", namespace: "k8s.io", imageReference: BUSYBOX });
  const words = () => readFileSync(`/proc/${found.pid}/cmdline`, "latin1").split("\0");
  // What has been started may still be about to become its program.
  await waitFor(() => words()[0] === "sleep", {
    what: "the container's program",
    explain: () => words().join(" "),
  });
  child.kill("SIGTERM");
  await child.exited;
});

describe.each([
  ["docker", "docker", undefined],
  ["podman 4", "podman", "4"],
  ["podman 5", "podman", "5"],
] as const)("find on %s", (_, runtime, version) => {
  let engine: Docker | Podman | undefined;
  const client = async (...args: string[]) => (await engine?.client(...args)) ?? "";
  const runArgs = (name: string) => [
    ...["run", "--detach", "--network", "none", "--name", name],
    ...["--cgroup-parent", cgroup, ENGINE_IMAGE, ...SLEEP],
  ];
  const pidOf = async (id: string) => Number(await client("inspect", "--format", "{{.State.Pid}}", id));

  beforeAll(async () => {
    const parts = { packages, engines };
    engine = await (version === undefined ? Docker.start(parts) : Podman.start({ ...parts, version }));
  });

  afterAll(async () => {
    await engine?.[Symbol.asyncDispose]();
  });

  test("a container by id, prefix and name; stopped; removed", async () => {
    const id = await client(...runArgs("db"));
    await client(...runArgs("cache"));
    const expected: FoundContainer = {
      runtime,
      ...(runtime === "docker" ? { namespace: "moby" } : {}),
      id,
      name: "db",
      imageReference: ENGINE_IMAGE,
      isSandbox: false,
      pid: await pidOf(id),
    };
    await expectFound(expected, ["db"]);
    expect((await errorOf("dbb")).message.split("\n")[0]).toBe('No container "dbb"; did you mean "db"?');
    await client("kill", "db");
    await waitFor(async () => (await errorOf("db")).code === "stopped", { what: "the container to stop" });
    expect(await errorOf(id.slice(0, 12))).toEqual({
      code: "stopped",
      message: `Container "db" (${id.slice(0, 12)}, ${runtime}) does not run; start it, or add --wait and start it then`,
    });
    await client("kill", "cache"); // sleep would wait for the last signal
    await client("rm", "--force", "db", "cache");
    expect((await errorOf("db")).code).toBe("not-found");
  });

  test("waits for one by name, one by image, and a stopped one that is started again", async () => {
    const [byName, id] = await startWhileWaiting("late", () => client(...runArgs("late")));
    expect(byName).toMatchObject({ runtime, id, pid: await pidOf(id) });
    await client("kill", "late");
    await waitFor(async () => (await errorOf("late")).code === "stopped", { what: "the container to stop" });
    const [again] = await startWhileWaiting("late", () => client("start", "late"));
    expect(again).toMatchObject({ id, pid: await pidOf(id) });
    await client("kill", "late");
    await client("rm", "--force", "late");
    const [byImage, other] = await startWhileWaiting("example/web", () => client(...runArgs("other")));
    expect(byImage).toMatchObject({ id: other, name: "other", pid: await pidOf(other) });
  });
});

const BUSYBOX = "docker.io/library/busybox:latest";
