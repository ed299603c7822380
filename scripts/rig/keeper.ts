import { readdirSync, readlinkSync } from "node:fs";
import { cgroupOf } from "./cgroups.ts";
import { createRun, removeRun, removeStaleRuns } from "./runs.ts";
import { waitFor } from "./wait.ts";

/**
 * Pid 1 of the sandbox: a shell, since it reaps the shims that are left to it. It must not exec the command.
 * containerd keeps some sockets in /run whatever its configuration says: the sandbox has a /run of its own.
 * Overlays cannot be stacked on an overlay's folder: in a container the run's folder is memory.
 */
const INIT = `
set -e
mount -t tmpfs -o mode=755 tmpfs /run
if [ "$(stat -f -c %T "$RIG_RUN")" = overlayfs ]; then
  mount -t tmpfs -o mode=755 tmpfs "$RIG_RUN"
  mkdir "$RIG_RUN/tmp"
fi
set +e
"$@"
exit $?
`;

const [id, ...command] = process.argv.slice(2);
if (import.meta.main) {
  if (id === undefined || command.length === 0) throw new Error("Usage: bun keeper.ts RUN_ID COMMAND …");
  // The pipe at stdin may still be open, and would keep the process waiting.
  process.exit(await keep(id, command));
}

/**
 * Owns one sandbox: makes it, runs the command in it, and removes everything when the command ends, or when stdin does,
 * which is how the death of whoever started the keeper shows. Runs in a session of its own, so that what ends a
 * terminal's processes does not end it. Returns the command's exit code.
 */
async function keep(runId: string, command: readonly string[]): Promise<number> {
  const { promise: cancelled, resolve: cancel } = Promise.withResolvers<"cancelled">();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => cancel("cancelled"));
  void drainStdin().then(() => cancel("cancelled"));
  for (const stale of await removeStaleRuns())
    console.error(`rig: removed what the killed run ${stale} had left`);
  const folder = await createRun(runId);
  try {
    const sandbox = Bun.spawn(
      [
        // The sandbox also dies with the keeper, however that ends.
        ...["setpriv", "--pdeathsig", "KILL", "--"],
        ...["unshare", "--mount", "--propagation", "private", "--uts", "--ipc"],
        ...["--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"],
        ...["sh", "-c", INIT, "rig", ...command],
      ],
      {
        env: { ...process.env, RIG_RUN: folder, RIG_CGROUP: cgroupOf(runId), TMPDIR: `${folder}/tmp` },
        stdio: ["ignore", "inherit", "inherit"],
      },
    );
    const namespace = await waitFor(() => childNamespace(sandbox.pid) ?? sandbox.exitCode !== null, {
      what: "unshare to make the sandbox",
    });
    const end = await Promise.race([sandbox.exited, cancelled]);
    sandbox.kill("SIGKILL");
    const code = await sandbox.exited;
    await waitFor(() => !isAlive(namespace), { what: `the processes of the run ${runId} to be gone` });
    return end === "cancelled" ? 130 : code;
  } finally {
    await removeRun(runId);
  }
}

/** The pid namespace that `pid` has made for its children, or undefined before it has. */
function childNamespace(pid: number): string | undefined {
  const [own, children] = [namespaceOf("self", "pid"), namespaceOf(`${pid}`, "pid_for_children")];
  return children === undefined || children === own ? undefined : children;
}

/** Its init is the last to go: the kernel kills and reaps all others first. */
function isAlive(namespace: string | true): boolean {
  return readdirSync("/proc").some((name) => /^\d/.test(name) && namespaceOf(name, "pid") === namespace);
}

function namespaceOf(pid: string, kind: "pid" | "pid_for_children"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined; // a process that is gone, or a zombie
  }
}

async function drainStdin(): Promise<void> {
  for await (const _ of Bun.stdin.stream()) {
    // Nothing is ever written: the end is the message.
  }
}
