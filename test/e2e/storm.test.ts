import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { buildPrograms, pluginRun } from "../../scripts/bench/runs.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";

test("50 000 files that four threads open back to back are all listed", async () => {
  await buildPrograms();
  const scratch = join(currentRun().folder, "storm");
  const layer = join(scratch, "layer");
  mkdirSync(layer, { recursive: true });
  const run = await pluginRun({ scratch, layer, files: 50_000, threads: 4, passes: 2 });
  expect({ listed: run.listed, complete: run.complete }).toEqual({ listed: 50_000, complete: true });
});
