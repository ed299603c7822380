import { join } from "node:path";
import { fetchEngines } from "./engines.ts";
import { fetchBuilderPackages, fetchPackages, fetchZooPackages } from "./packages.ts";
import { runSandboxed } from "./sandbox.ts";

const E2E_FOLDER = join("test", "e2e");
const TEST_TIMEOUT_MS = 120_000;

process.exitCode = await main(process.argv.slice(2));

/**
 * Runs the end-to-end tests in a sandbox; the arguments are bun test's (`nginx.test.ts`, `-t "a name"`). Where they
 * cannot be run it says why, and fails on CI only: there, a test that was not run is a test that failed.
 */
async function main(args: readonly string[]): Promise<number> {
  const obstacle = await findObstacle();
  if (obstacle !== undefined) {
    const skipped = process.env["CI"] === undefined || process.env["CI"] === "";
    console.error(`End-to-end tests ${skipped ? "skipped" : "failed"}: ${obstacle}`);
    return skipped ? 0 : 1;
  }
  const folder = args.some((arg) => arg.endsWith(".ts")) ? [] : [E2E_FOLDER];
  const files = args.map((arg) => (arg.endsWith(".ts") && !arg.includes("/") ? join(E2E_FOLDER, arg) : arg));
  // Two runtimes on two cores: one file after the other, each test with time for both.
  return runSandboxed([process.execPath, "test", `--timeout=${TEST_TIMEOUT_MS}`, ...folder, ...files]);
}

/** What keeps the tests from being run here, or undefined. Fetches the packages while it is at it. */
async function findObstacle(): Promise<string | undefined> {
  if (process.platform !== "linux") return `they need Linux, and this is ${process.platform}`;
  if (process.getuid?.() !== 0) return "they need root (mounts, cgroups, fanotify): run them with sudo";
  try {
    const log = (line: string) => console.error(`rig: ${line}`);
    await fetchPackages(log);
    await fetchZooPackages(log);
    await fetchBuilderPackages(log);
    await fetchEngines(log);
  } catch (error) {
    return `the packages cannot be fetched: ${error instanceof Error ? error.message : String(error)}`;
  }
  return undefined;
}
