import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Containerd } from "../../scripts/rig/containerd.ts";
import { ENGINE_IMAGE, fetchEngines } from "../../scripts/rig/engines.ts";
import { Images, STATIC_FILES } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { Podman } from "../../scripts/rig/podman.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { isTracing } from "../helpers/tracing.ts";

const packages = await fetchPackages(console.error);
const engines = await fetchEngines(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const program = join(ROOT, "dist/optimizer");
const RAN_ALREADY = "the container ran already when its trace began";

interface Report {
  readonly complete: boolean;
  readonly trouble: readonly string[];
  readonly files: readonly { readonly path: string; readonly before: boolean }[];
}

/** Starts `optimizer trace` of a container, with a report in a file. */
function startTrace(...words: readonly string[]) {
  const output = join(mkdtempSync(join(currentRun().folder, "trace-")), "report");
  const child = Bun.spawn([program, "trace", "--json", "--output", output, ...words], {
    stdio: ["ignore", "ignore", Bun.file(`${output}.stderr`)],
  });
  const stderr = () => readFileSync(`${output}.stderr`, "utf8");
  return {
    child,
    stderr,
    async end() {
      const exitCode = await child.exited;
      const report = existsSync(output) ? (JSON.parse(readFileSync(output, "utf8")) as Report) : undefined;
      return { exitCode, report, stderr: stderr() };
    },
  };
}

describe("optimizer trace of a container of Podman", () => {
  let podman: Podman;
  const { cgroup } = currentRun();

  beforeAll(async () => {
    podman = await Podman.start({ packages, engines });
  });

  afterAll(async () => {
    await podman[Symbol.asyncDispose]();
  });

  const create = (name: string) =>
    podman.client(
      ...["create", "--network", "none", "--name", name, "--cgroup-parent", cgroup],
      ...[ENGINE_IMAGE, "sleep", "1000"],
    );

  test("that runs says that its list is not complete, in the json, on stderr and by exit code 3", async () => {
    await create("old");
    await podman.client("start", "old");
    const trace = startTrace("old");
    await waitFor(() => isTracing(trace.child.pid), { what: "the trace to begin" });
    await podman.client("kill", "old");
    const { exitCode, report, stderr } = await trace.end();
    expect(report).toMatchObject({ complete: false, trouble: [RAN_ALREADY] });
    expect(report?.files[0]).toMatchObject({ path: "/bin/busybox", before: true });
    expect(stderr).toEndWith(
      `\nThe list is not complete: ${RAN_ALREADY}\nFor a complete one start it anew under --wait\n`,
    );
    expect(exitCode).toBe(3);
  });

  test("that was made and not started has a complete list", async () => {
    await create("new");
    await podman.client("init", "new"); // the runtime's process is there, and waits
    const trace = startTrace("new");
    await waitFor(() => isTracing(trace.child.pid), { what: "the trace to begin" });
    const pid = await podman.client("inspect", "--format", "{{.State.Pid}}", "new");
    await podman.client("start", "new");
    await waitFor(() => readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith("sleep"), {
      what: "the container's program",
    });
    await podman.client("kill", "new");
    const { exitCode, report, stderr } = await trace.end();
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(report).toMatchObject({ complete: true, trouble: [] });
    // Nothing of the runtime's own process is taken for the container's.
    expect(report?.files).toEqual([expect.objectContaining({ path: "/bin/busybox", before: false })]);
  });

  test("that was made and is never started says so", async () => {
    await create("never");
    await podman.client("init", "never");
    const trace = startTrace("never");
    await waitFor(() => isTracing(trace.child.pid), { what: "the trace to begin" });
    trace.child.kill("SIGINT");
    const { exitCode, report } = await trace.end();
    expect(report).toMatchObject({
      complete: false,
      trouble: ["the container's program was not seen to start"],
      files: [],
    });
    expect(exitCode).toBe(3);
  });
});

describe("optimizer trace --wait on containerd", () => {
  const ROUNDS = 8;
  const all = [
    "/static",
    ...Array.from({ length: STATIC_FILES }, (_, index) => `/data/${`${index}`.padStart(3, "0")}`),
  ];

  test("says whether it came before the program did, which opens all of its files at once", async () => {
    await using containerd = await Containerd.start({ version: "2.1", packages });
    const image = await containerd.importImage(await images.static());
    let complete = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const trace = startTrace("--wait", "static");
      await waitFor(() => trace.stderr().includes("Waiting for a container"), { what: "the trace to wait" });
      await using container = await containerd.runContainer({ image: image.id });
      await container.waitExited();
      const { exitCode, report, stderr } = await trace.end();
      if (exitCode === 0) {
        complete++;
        expect(report).toMatchObject({ complete: true, trouble: [] });
        expect(report?.files.map(({ path }) => path)).toEqual(all);
      } else if (exitCode === 3) {
        expect(report).toMatchObject({ complete: false });
        expect(report?.trouble).toContain(RAN_ALREADY);
      } else {
        expect(stderr).toMatch(/Cannot trace process \d+: /); // it had ended
      }
    }
    // The runtime holds a container long enough for most.
    expect(complete).toBeGreaterThan(0);
  });
});
