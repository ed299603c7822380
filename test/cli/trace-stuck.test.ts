import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { Disk } from "../../scripts/rig/disk.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { commandLine } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { isTracing } from "../helpers/tracing.ts";
import { waitFor } from "../helpers/wait-for.ts";

const STUCK = "events did not arrive in time";

rootTest("optimizer trace ends, and says so, when the thread that reads its events hangs", async () => {
  using folder = temporaryFolder();
  await using disk = await Disk.mount({ at: folder.at("root"), folder: folder.at("disk") });
  writeFileSync(folder.at("root", "late"), "late\n");
  await using container = await heldContainer({ root: { kind: "bind", folder: folder.at("root") } });
  const words = ["trace", "--pid", `${container.pid}`, "--json", "--output", folder.at("report")];
  await using trace = Bun.spawn(commandLine(words), {
    stdio: ["ignore", "ignore", Bun.file(folder.at("stderr"))],
  });
  await waitFor("the trace to begin", () => isTracing(trace.pid));
  // To read the event, the kernel opens the file once more: by then its disk must hang, and not before.
  trace.kill("SIGSTOP");
  await container.tell("open", "/late");
  disk.hang();
  trace.kill("SIGCONT");
  trace.kill("SIGINT");
  expect(await trace.exited).toBe(3);
  disk.goOn();
  const report = JSON.parse(readFileSync(folder.at("report"), "utf8"));
  expect(report).toMatchObject({ complete: false, reason: "interrupted", files: [] });
  expect(report.trouble).toContain(STUCK);
  expect(readFileSync(folder.at("stderr"), "utf8")).toContain(`The list is not complete: ${STUCK}; `);
});
