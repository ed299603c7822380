import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { constants } from "node:os";
import { PluginSignals } from "../../src/cli/plugin-signals.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { fakeContainer } from "../helpers/nri-messages.ts";
import { preLaunch } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { endOf, moments, readProc, spinUntil } from "../helpers/start-moments.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

const { SIGUSR1, SIGHUP } = constants.signals;
const bits = [SIGUSR1, SIGHUP].reduce((set, number) => set | (1n << BigInt(number - 1)), 0n);

describe("PluginSignals", () => {
  test("keeps what comes before anybody can answer it, once, and answers all that comes later", async () => {
    const signals = new PluginSignals();
    expect(signals.kept).toEqual([]);
    process.kill(process.pid, "SIGHUP");
    await waitFor("the signal", () => signals.kept.length > 0);
    expect(signals.kept).toEqual([SIGHUP]);
    const answered: string[] = [];
    signals.answer("SIGUSR1", () => answered.push("status"));
    expect(answered).toEqual([]);
    signals.answer("SIGHUP", () => answered.push("log"));
    expect(answered).toEqual(["log"]);
    expect(signals.kept).toEqual([]);
    process.kill(process.pid, "SIGUSR1");
    await waitFor("the signal", () => answered.length === 2);
    expect(answered).toEqual(["log", "status"]);
  });
});

describe("a plugin that is not ready yet", () => {
  for (const { when, before, isReached } of moments) {
    rootTest(`outlives any number of signals from ${when} on`, async () => {
      await using plugin = await preLaunch({ before });
      spinUntil(isReached, plugin.pid);
      let isRegistered = false;
      void plugin.runtime.registration.then(
        () => (isRegistered = true),
        () => {},
      );
      await waitFor("the plugin to register, or to end", () => {
        try {
          for (const signal of ["SIGUSR1", "SIGHUP"]) process.kill(plugin.pid, signal);
        } catch {
          return true; // it has ended
        }
        return isRegistered;
      });
      const { exitCode, statuses } = await endOf(plugin);
      expect(exitCode).toBe(0);
      expect(statuses).toBeGreaterThan(0);
    });
  }

  rootTest("tells its status when it is, if it has nothing to give up and was asked before", async () => {
    const { before, isReached } = moments[2];
    await using plugin = await preLaunch({ before });
    spinUntil(isReached, plugin.pid);
    process.kill(plugin.pid, "SIGUSR1");
    expect(await endOf(plugin)).toMatchObject({ exitCode: 0, statuses: 1 });
  });

  rootTest("has neither signal blocked or ignored later, nor have its helpers", async () => {
    using folder = temporaryFolder();
    await using container = await heldContainer({ root: { kind: "overlay", layers: [{ "/a": "a" }] } });
    await using plugin = await preLaunch();
    await plugin.runtime.handshake(`persist_dir = ${JSON.stringify(folder.path)}\nmerge = true\n`);
    const its = fakeContainer("c1", { pid: container.pid });
    await plugin.runtime.event("StartContainer", its);
    await container.tell("open", "/a");
    await plugin.runtime.event("StopContainer", its);
    const helper = await waitFor("the helper that merges", () => mergingChild(plugin.pid));
    expect(helper).toEqual({ blocked: 0n, ignored: 0n, caught: 0n });
    expect(signalSets(readProc(plugin.pid, "status"))).toEqual({ blocked: 0n, ignored: 0n, caught: bits });
    plugin.runtime.close();
    expect(await plugin.exited).toBe(0);
  });
});

/** Which of the two signals a process has blocked, ignored and caught. */
function signalSets(status: string) {
  const set = (name: string) => BigInt(`0x${new RegExp(`^${name}:\t(.*)$`, "m").exec(status)?.[1]}`) & bits;
  return { blocked: set("SigBlk"), ignored: set("SigIgn"), caught: set("SigCgt") };
}

/** What the process that merges has of them, when there is one. */
function mergingChild(pid: number): ReturnType<typeof signalSets> | undefined {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    for (const child of readProc(pid, `task/${thread}/children`).split(" ").filter(Boolean).map(Number)) {
      try {
        const status = readProc(child, "status");
        if (readProc(child, "cmdline").includes("\0merge\0")) return signalSets(status);
      } catch {} // it has ended
    }
  }
  return undefined;
}
