import { expect, test } from "bun:test";
import { preLaunch } from "../helpers/program.ts";
import { endOf, moments, spinUntil } from "../helpers/start-moments.ts";

/** Between its second start and its first line the executable does not wait for anything: what comes stays pending. */
test("a plugin that has just started itself again keeps the question for its status until it can answer", async () => {
  const { before, isReached } = moments[1];
  for (let round = 0; round < 10; round++) {
    await using plugin = await preLaunch({ program: "built", before });
    spinUntil(isReached, plugin.pid);
    process.kill(plugin.pid, "SIGUSR1");
    expect(await endOf(plugin)).toMatchObject({ exitCode: 0, statuses: 1 });
  }
});
