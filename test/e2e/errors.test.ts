import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { Container } from "../../scripts/rig/container.ts";
import { Containerd } from "../../scripts/rig/containerd.ts";
import { Images } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const program = join(ROOT, "dist/optimizer");

/** The program on a kernel in which a system call answers with an error, as one that is too old does. */
function onKernelWithout(call: string, errno: string): string[] {
  const { folder } = packages.strace;
  return [
    join(folder, "lib64/ld-linux-x86-64.so.2"),
    ...["--library-path", join(folder, "usr/lib/x86_64-linux-gnu"), join(folder, "usr/bin/strace")],
    ...[
      "-f",
      "-qq",
      "-o",
      "/dev/null",
      "-e",
      `trace=${call}`,
      "-e",
      `inject=${call}:error=${errno}`,
      program,
    ],
  ];
}

async function end(command: readonly string[]) {
  const child = Bun.spawn([...command], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { stdout, stderr, exitCode: await child.exited };
}

describe("what a new user meets", () => {
  let containerd: Containerd;
  let stopped: Container;

  beforeAll(async () => {
    containerd = await Containerd.start({ version: "2.1", packages });
    const { id: image } = await containerd.importImage(await images.busybox());
    stopped = await containerd.runContainer({ image, name: "over", command: ["true"] });
    await stopped.waitExited();
  });

  afterAll(async () => {
    await containerd[Symbol.asyncDispose]();
  });

  const unprivileged = ["/usr/bin/setpriv", "--reuid=65534", "--clear-groups", "--", program];
  const table: readonly (readonly [string, readonly string[], string | RegExp, number])[] = [
    [
      "who is not root",
      [...unprivileged, "trace", "--", "true"],
      "Cannot start tracing with fanotify: EPERM (run as root: this needs CAP_SYS_ADMIN)",
      1,
    ],
    [
      "whose kernel has no fanotify",
      [...onKernelWithout("fanotify_init", "ENOSYS"), "trace", "--", "true"],
      "Cannot start tracing with fanotify: ENOSYS (this kernel has no fanotify: Linux 5.10 with CONFIG_FANOTIFY is needed)",
      1,
    ],
    [
      "whose kernel cannot tell mounts apart",
      [...onKernelWithout("statx", "EINVAL"), "trace", "--", "true"],
      "Cannot start tracing with fanotify: EOPNOTSUPP (this kernel or file system is too old for it: Linux 5.10 is needed)",
      1,
    ],
    [
      "who names a container that is not there",
      [program, "trace", "nobody"],
      /^No container "nobody"; to wait until it starts, add --wait\nLooked at \S+ \(k8s\.io\), (?:\/run\/runc, )?the command lines and cgroups of \d+ processes$/,
      1,
    ],
    [
      "who names a container that has stopped",
      [program, "trace", "over"],
      /^Container "default\/over\/over" \([0-9a-f]{12}, containerd \(k8s\.io\)\) does not run; start it, or add --wait and start it then$/,
      1,
    ],
    [
      "who names a process that is gone",
      [program, "trace", "--pid", "4194303"],
      "Cannot trace process 4194303: ENOENT for its mount table",
      1,
    ],
    [
      "whose output folder is missing",
      [program, "trace", "--output", "/none/list", "--", "true"],
      "Cannot write to /none/list: ENOENT: make the folder first (mkdir -p /none)",
      2,
    ],
    [
      "with a typo in a flag",
      [program, "trace", "--setle", "5s", "web"],
      "Unknown flag --setle; did you mean --settle?",
      2,
    ],
    [
      "with a typo in a command",
      [program, "trce", "web"],
      'Unknown command "trce"; did you mean "trace"?',
      2,
    ],
    [
      "whose root file system is not there",
      [program, "trace", "--rootfs", "/none", "--", "true"],
      "Cannot find the root file system: ENOENT\noptimizer: The command could not be started",
      1,
    ],
    [
      "whose result is not there",
      [program, "show", "nginx", "--persist-dir", "/none"],
      "No results: /none does not exist; --persist-dir names another folder, optimizer doctor checks the plugin",
      1,
    ],
  ];
  test.each(table)("%s is told so in a line or two, without a stack", async (_, command, text, exitCode) => {
    const ended = await end(command);
    const said = ended.stderr.replace(/^optimizer: /, "").trimEnd();
    if (typeof text === "string") expect(said).toBe(text);
    else expect(said).toMatch(text);
    expect(said.split("\n").length).toBeLessThanOrEqual(2);
    expect(said).not.toMatch(/\bat .*:\d+:\d+/);
    expect({ stdout: ended.stdout, exitCode: ended.exitCode }).toEqual({ stdout: "", exitCode });
  });
});
