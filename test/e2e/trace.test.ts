import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../scripts/rig/command.ts";
import { Containerd } from "../../scripts/rig/containerd.ts";
import { Images, NGINX_PID_FILE } from "../../scripts/rig/images.ts";
import type { Image } from "../../scripts/rig/oci.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { Snapshot } from "../../scripts/rig/snapshot.ts";
import { straceOpens } from "../../scripts/rig/strace.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { isTracing } from "../helpers/tracing.ts";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const program = join(ROOT, "dist/optimizer");

/** Starts `optimizer trace`; its list goes to a file. */
function startTrace(words: readonly string[], env: Record<string, string | undefined> = process.env) {
  const output = join(mkdtempSync(join(currentRun().folder, "trace-")), "list");
  // Not pipes: Bun's are sockets, and nginx opens /dev/stderr, which cannot be done with a socket.
  const child = Bun.spawn([program, "trace", "--output", output, ...words], {
    env,
    stdio: ["ignore", Bun.file(`${output}.stdout`), Bun.file(`${output}.stderr`)],
  });
  return {
    child,
    async end() {
      const exitCode = await child.exited;
      const [stdout, stderr] = [`${output}.stdout`, `${output}.stderr`].map((path) =>
        readFileSync(path, "utf8"),
      );
      const list = existsSync(output) ? readFileSync(output, "latin1").split("\n").slice(0, -1) : [];
      return { stdout, stderr, exitCode, list };
    },
  };
}

describe("optimizer trace on containerd", () => {
  let containerd: Containerd;
  let image: Image;

  beforeAll(async () => {
    containerd = await Containerd.start({ version: "2.1", packages });
    image = await containerd.importImage(await images.nginx());
  });

  afterAll(async () => {
    await containerd[Symbol.asyncDispose]();
  });

  /** Everything about a tree that a command could change. */
  function describeTree(folder: string): Promise<string> {
    return run(["find", folder, "-printf", "%P %y %m %s %T@ %l\\n"]);
  }

  test("--rootfs -- nginx -t equals the oracle, leaves the root file system as it was, and returns its code", async () => {
    await using snapshot = await Snapshot.mount(containerd, image);
    const before = await describeTree(snapshot.folder);
    const env = { HOME: "/root", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
    const traced = await startTrace(["--rootfs", snapshot.folder, "--", "nginx", "-t"], env).end();
    expect({ stderr: traced.stderr, exitCode: traced.exitCode }).toMatchObject({ exitCode: 0 });
    expect(traced.stderr).toContain("nginx: configuration file /etc/nginx/nginx.conf test is successful");
    expect(traced.list).toEqual(await straceOpens({ containerd, image, command: ["nginx", "-t"] }));
    const broken = ["--rootfs", snapshot.folder, "--", "nginx", "-t", "-c", "/none"];
    expect((await startTrace(broken, env).end()).exitCode).toBe(1);
    expect(await describeTree(snapshot.folder)).toBe(before);
  });

  test("--pid of a running nginx lists what it has open and mapped, then a file that it reads later", async () => {
    await using container = await containerd.runContainer({ image: image.id });
    await waitFor(() => existsSync(`/proc/${container.pid}/root${NGINX_PID_FILE}`), {
      what: "nginx to listen",
    });
    const trace = startTrace(["--pid", String(container.pid), "--json"]);
    const late = "/usr/share/nginx/html/index.html";
    await waitFor(() => isTracing(trace.child.pid), { what: "the trace to begin" });
    await container.exec("cat", late);
    await container.stop();
    const { exitCode, list, stderr } = await trace.end();
    const report = JSON.parse(list.join("\n")) as {
      complete: boolean;
      trouble: readonly string[];
      files: { path: string; before: boolean }[];
    };
    const { complete, trouble } = report;
    expect({ exitCode, stderr, complete, trouble }).toMatchObject({
      exitCode: 3,
      complete: false,
      trouble: ["the process ran already when its trace began"],
    });
    const paths = (before: boolean): string[] =>
      report.files.filter((file) => file.before === before).map(({ path }) => path);
    const lib = "/usr/lib/x86_64-linux-gnu";
    expect(paths(true)[0]).toBe("/usr/sbin/nginx");
    for (const path of [`${lib}/libssl.so.3`, `${lib}/libc.so.6`, `${lib}/ld-linux-x86-64.so.2`]) {
      expect(paths(true)).toContain(path);
    }
    expect(paths(false)).toContain(late);
    expect(paths(false)).not.toContain("/usr/sbin/nginx");
  });
});
