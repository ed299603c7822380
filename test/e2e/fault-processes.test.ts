import { describe, expect, setSystemTime, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { waitFor } from "../../scripts/rig/wait.ts";
import { type HeldContainer, type HeldContainerOptions, heldContainer } from "../helpers/held-container.ts";
import { fakeContainer } from "../helpers/nri-messages.ts";
import { ownCgroup } from "../helpers/own-cgroup.ts";
import { preLaunch } from "../helpers/program.ts";
import { bench, json, list } from "../helpers/session-bench.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { expectOutcome } from "./fault-bed.ts";
import { matchesLog, oddProcesses } from "./fault-table.ts";

const FILES = { "/a": "a", "/b": "bb", "/c": "ccc" };
const OVERLAY = { kind: "overlay", layers: [FILES] } as const;
/** As real runtimes make them. */
const ID = "a".repeat(64);
const LIMIT_MS = 500;
const DAY_MS = 24 * 60 * 60 * 1000;

/** What a fake runtime tells of one container: a process, and which container is to open files, if any. */
interface Odd extends AsyncDisposable {
  readonly pid: number;
  readonly container?: HeldContainer;
}

const held = async (options: Partial<HeldContainerOptions> = {}): Promise<Odd> => {
  const container = await heldContainer({ root: OVERLAY, ...options });
  return { pid: container.pid, container, [Symbol.asyncDispose]: () => container[Symbol.asyncDispose]() };
};

/** A process of the host. */
function hostProcess(command: readonly string[]) {
  const child = Bun.spawn([...command], { stdio: ["ignore", "pipe", "inherit"] });
  return {
    child,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

const processes: Record<
  Exclude<keyof typeof oddProcesses, "clockBack" | "clockAhead">,
  () => Promise<Odd>
> = {
  gone: async () => {
    const container = await heldContainer({ root: OVERLAY });
    await container.end();
    return { pid: container.pid, [Symbol.asyncDispose]: () => container[Symbol.asyncDispose]() };
  },
  zombie: async () => {
    // The shell becomes a program that does not wait for its child.
    const { child, ...parent } = hostProcess(["sh", "-c", "sleep 0.3 & echo $!; exec sleep 1000"]);
    const { value } = await child.stdout.getReader().read();
    const pid = Number(new TextDecoder().decode(value));
    await waitFor(() => /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8")), {
      what: "a zombie",
    });
    return { pid, ...parent };
  },
  reused: async () => {
    const { child, ...process } = hostProcess(["sleep", "1000"]);
    return { pid: child.pid, ...process };
  },
  reusedByOther: async () => {
    const cgroup = ownCgroup(`/${"b".repeat(64)}`);
    const container = await heldContainer({ root: OVERLAY });
    cgroup.take(container.pid);
    return {
      pid: container.pid,
      async [Symbol.asyncDispose]() {
        await container[Symbol.asyncDispose]();
        cgroup[Symbol.dispose]();
      },
    };
  },
  hostRoot: async () => ({ pid: process.pid, async [Symbol.asyncDispose]() {} }),
  rootless: () => held({ userNamespace: true }),
};

describe("a fake runtime notices nothing when", () => {
  for (const [id, odd] of Object.entries(processes)) {
    const { fault, outcome, log } = oddProcesses[id as keyof typeof processes];
    test(fault, async () => {
      using folder = temporaryFolder();
      await using its = await odd();
      await using plugin = await preLaunch({ program: "built" });
      await plugin.runtime.handshake(`persist_dir = ${JSON.stringify(folder.path)}\n`);
      const image = { annotations: { "io.kubernetes.cri.image-name": "faults:latest" } };
      const container = fakeContainer(ID, { pid: its.pid, ...image });
      const begun = performance.now();
      expect(await plugin.runtime.event("StartContainer", container)).toMatchObject({ code: 0 });
      expect(performance.now() - begun).toBeLessThanOrEqual(LIMIT_MS);
      await its.container?.tell("open", "/c", "/a", "/b");
      expect(await plugin.runtime.event("StopContainer", container)).toMatchObject({ code: 0 });
      await expectOutcome(folder.path, outcome, "/c\n/a\n/b\n");
      // The next one is none of its business.
      await using next = await held();
      const healthy = fakeContainer("c2", { pid: next.pid });
      await plugin.runtime.event("StartContainer", healthy);
      await next.container?.tell("open", "/b");
      await plugin.runtime.event("StopContainer", healthy);
      expect(readFileSync(folder.at("nginx:latest"), "latin1")).toBe("/b\n");
      plugin.runtime.close();
      const said = (await plugin.log()).join("\n");
      expect(matchesLog(said, log) || said).toBe(true);
    });
  }

  for (const [id, jumpMs] of [
    ["clockBack", -DAY_MS],
    ["clockAhead", DAY_MS],
  ] as const) {
    const { fault, outcome, log } = oddProcesses[id];
    // The machine's own clock is everybody's: this process alone sees the jump, and the kernel's stamps do not.
    test(fault, async () => {
      try {
        await using its = await bench();
        const container = await its.start("c1");
        await container.tell("open", "/c");
        setSystemTime(new Date(Date.now() + jumpMs));
        await container.tell("write", "/made", "at run time");
        await container.tell("open", "/a", "/made", "/b");
        await its.sessions.stop("c1");
        expect(list(its.folder)).toBe("/c\n/a\n/b\n");
        expect(json(its.folder)).toMatchObject({ complete: outcome.kind === "complete", trouble: [] });
        const elapsed = list(its.folder, "nginx:latest.csv").trimEnd().split("\n").slice(1);
        const times = elapsed.map((row) => Number(row.split(",")[2]));
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(Math.max(...times)).toBeLessThan(60e6);
        expect(matchesLog(its.lines.join("\n"), log)).toBe(true);
        expect(existsSync(its.folder.at("lists", "nginx:latest.json"))).toBe(true);
      } finally {
        setSystemTime();
      }
    });
  }
});
