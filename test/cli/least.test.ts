import { describe, expect } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { NEEDED_CAPABILITIES } from "../../src/sys/capabilities.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { fakeContainer } from "../helpers/nri-messages.ts";
import { preLaunch, type RunningPlugin } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { filtered, syscallNumbers } from "../helpers/unit-sandbox.ts";

const NEEDED = NEEDED_CAPABILITIES.toString(16).padStart(16, "0");

/** Starts what follows with a variable in its environment. */
const withVariable = (text: string): string[] => ["env", text];

/** Starts what follows without one of the system calls. */
function without(name: string): string[] {
  const numbers = syscallNumbers();
  expect(numbers.delete(name)).toBe(true);
  return filtered(numbers.values());
}

/** What each of its threads says under this name. */
function threads(pid: number, file: string): string[] {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).map((thread) => readFileSync(`${folder}/${thread}/${file}`, "latin1"));
}

/** Nice values, one of each thread: field 19. */
const niceValues = (pid: number): string[] =>
  threads(pid, "stat").map((stat) => stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16] ?? "");

async function trace({ runtime }: RunningPlugin, results: string): Promise<string> {
  await runtime.handshake(`persist_dir = ${JSON.stringify(results)}\n`);
  await using container = await heldContainer({
    root: { kind: "overlay", layers: [{ "/a": "a", "/b": "b" }] },
  });
  const annotations = { "io.kubernetes.cri.image-name": "docker.io/library/nginx:1" };
  const its = fakeContainer("web", { pid: container.pid, annotations });
  await runtime.event("StartContainer", its);
  await container.tell("open", "/b", "/a");
  await container.end();
  await runtime.event("StopContainer", its);
  return readFileSync(`${results}/nginx:1`, "latin1");
}

describe("the plugin", () => {
  for (const [what, before] of [
    ["", []],
    [", whatever its environment says", withVariable("OPTIMIZER_LEAST_PID=1")],
  ] as const) {
    rootTest(`keeps the rights that it needs in all its threads, and traces${what}`, async () => {
      using folder = temporaryFolder();
      await using plugin = await preLaunch({ before });
      expect(await trace(plugin, folder.path)).toBe("/b\n/a\n");
      for (const status of threads(plugin.pid, "status")) {
        expect(status).toContain(`CapPrm:\t${NEEDED}\nCapEff:\t${NEEDED}\nCapBnd:\t${NEEDED}\n`);
        expect(status).toContain("NoNewPrivs:\t1\n");
      }
      expect(new Set(niceValues(plugin.pid))).toEqual(new Set(["1"]));
      const { stdout } = Bun.spawnSync(["ionice", "-p", `${plugin.pid}`]);
      expect(stdout.toString()).toBe("best-effort: prio 7\n");
      // As if it had been started once: what looks for it by name finds it.
      expect(readFileSync(`/proc/${plugin.pid}/comm`, "latin1")).toBe(`${basename(process.execPath)}\n`);
      plugin.runtime.close();
      expect(await plugin.exited).toBe(0);
      expect((await plugin.log()).filter((line) => !line.includes(" info "))).toEqual([]);
    });
  }

  for (const [call, step] of [
    ["setpriority", "lower its priority for the CPU"],
    ["ioprio_set", "lower its priority for the disk"],
    ["capset", "drop capabilities"],
  ] as const) {
    rootTest(`goes on as it is when ${call} is forbidden, and says so once`, async () => {
      using folder = temporaryFolder();
      await using plugin = await preLaunch({ before: without(call) });
      expect(await trace(plugin, folder.path)).toBe("/b\n/a\n");
      plugin.runtime.close();
      expect(await plugin.exited).toBe(0);
      const told = (await plugin.log()).filter((line) => !line.includes(" info "));
      expect(told).toEqual([
        expect.stringContaining(`runs with more rights than it needs: Cannot ${step}: EPERM`),
      ]);
    });
  }
});
