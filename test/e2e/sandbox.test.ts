import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { findCgroups } from "../../scripts/rig/cgroups.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { childrenOf } from "../../scripts/rig/processes.ts";
import { runFolder } from "../../scripts/rig/runs.ts";
import { newRunId } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";

const SANDBOX = join(ROOT, "scripts", "rig", "sandbox.ts");
const NOTHING = { processes: [], mounts: [], cgroups: [], folder: false };

describe("sandbox", () => {
  test("passes the exit code on and leaves nothing", async () => {
    const id = newRunId();
    const child = start(id, "sh", "-c", 'mount -t tmpfs rig "$RIG_RUN/tmp"; sleep 1000 & exit 7');
    expect(await child.exited).toBe(7);
    expect(findTraces(id, [])).toEqual(NOTHING);
  });

  test.each(["SIGKILL", "SIGINT", "SIGTERM"] as const)(
    "leaves nothing of a containerd with a running container when its wrapper gets %s",
    async (signal) => {
      const id = newRunId();
      const wrapper = start(id, process.execPath, join(import.meta.dir, "hold.ts"));
      const namespaces = await readNamespaces(wrapper);
      const before = findTraces(id, namespaces);
      // containerd, its shim, the pod's pause, the container and the command itself; rootfs of two containers
      expect(before.processes.length).toBeGreaterThan(4);
      expect(before.mounts.length).toBeGreaterThan(1);
      expect(before.cgroups.length).toBeGreaterThan(0);
      expect(before.folder).toBe(true);
      wrapper.kill(signal);
      await waitFor(() => !existsSync(runFolder(id)), { what: "the run's folder to be removed" });
      expect(findTraces(id, namespaces)).toEqual(NOTHING);
      await wrapper.exited;
    },
  );

  test("of a killed keeper the processes go at once, and the rest with the next run", async () => {
    const id = newRunId();
    const wrapper = start(id, process.execPath, join(import.meta.dir, "hold.ts"));
    const namespaces = await readNamespaces(wrapper);
    for (const keeper of childrenOf(wrapper.pid)) process.kill(keeper, "SIGKILL");
    expect(await wrapper.exited).not.toBe(0);
    await waitFor(() => findTraces(id, namespaces).processes.length === 0, {
      what: "the processes to be gone",
    });
    expect(findTraces(id, namespaces)).toMatchObject({ mounts: [], folder: true });
    expect(await start(newRunId(), "true").exited).toBe(0);
    expect(findTraces(id, namespaces)).toEqual(NOTHING);
  });
});

function start(id: string, ...command: string[]): Subprocess<"ignore", "pipe", "inherit"> {
  return Bun.spawn([process.execPath, SANDBOX, "--id", id, ...command], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** What `hold.ts` says when its container runs: its own pid namespace and that of the container. */
async function readNamespaces(child: Subprocess<"ignore", "pipe", "inherit">): Promise<string[]> {
  let text = "";
  for await (const chunk of child.stdout) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("\n")) return JSON.parse(text) as string[];
  }
  throw new Error(`hold.ts ended before its container ran: ${text}`);
}

/** Everything on this machine that belongs to a run. */
function findTraces(id: string, namespaces: readonly string[]) {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return {
    processes: pids.filter((pid) => namespaces.includes(readlink(`/proc/${pid}/ns/pid`))),
    mounts: [...new Set(pids.flatMap((pid) => read(`/proc/${pid}/mountinfo`).split("\n")))].filter((line) =>
      line.includes(runFolder(id)),
    ),
    cgroups: findCgroups(id),
    folder: existsSync(runFolder(id)),
  };
}

function readlink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // the process has gone
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the process has gone
  }
}
