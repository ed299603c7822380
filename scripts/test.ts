import { spawn } from "node:child_process";

/**
 * Runs the stages named on the command line and closes with what failed, by name, and a line that
 * counts: a test of `bun test` counts as one, any other step too. Exit code 1 if anything failed.
 */

interface Step {
  readonly title: string;
  readonly command: readonly string[];
}

const bin = "node_modules/.bin";
/** For one unit test. What it waits for may run at the lowest priority, on a busy machine. */
const UNIT_TIMEOUT_MS = 60_000;

const stages: Record<string, readonly Step[]> = {
  check: [
    { title: "types of src", command: [`${bin}/tsc`, "-p", "src"] },
    { title: "types of test", command: [`${bin}/tsc`, "-p", "test"] },
    { title: "types of scripts", command: [`${bin}/tsc`, "-p", "scripts"] },
    { title: "lint and format", command: [`${bin}/biome`, "check", "."] },
    { title: "generated code is fresh", command: [`${bin}/bun`, "scripts/generate.ts", "--check"] },
  ],
  unit: [
    {
      title: "unit",
      command: [
        `${bin}/bun`,
        "test",
        `--timeout=${UNIT_TIMEOUT_MS}`,
        "test",
        "--path-ignore-patterns",
        "test/e2e/**",
      ],
    },
  ],
  native: [
    {
      title: "build of the shim with sanitizers",
      command: ["make", "-s", "dist/shim-test-address", "dist/shim-test-thread"],
    },
    { title: "shim under address and undefined sanitizers", command: ["dist/shim-test-address"] },
    { title: "shim under the thread sanitizer", command: ["dist/shim-test-thread"] },
  ],
  e2e: [{ title: "end to end", command: [`${bin}/bun`, "scripts/rig/e2e.ts"] }],
};

const total = { passed: 0, failed: 0 };
/** What failed, for the end of a long log. */
const failures: string[] = [];

for (const name of process.argv.slice(2)) {
  const steps = stages[name];
  if (steps === undefined)
    throw new Error(`Unknown stage ${name}: known are ${Object.keys(stages).join(", ")}`);
  for (const step of steps) await runStep(step);
}
if (failures.length > 0) console.log(`\nFailed:\n${failures.join("\n")}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exit(total.failed > 0 ? 1 : 0);

async function runStep({ title, command }: Step): Promise<void> {
  console.log(`\n== ${title}: ${command.join(" ")}`);
  const { exitCode, output } = await runAndShow(command);
  const passed = Number(/^ *(\d+) pass$/m.exec(output)?.[1] ?? Number.NaN);
  const failed = Number(/^ *(\d+) fail$/m.exec(output)?.[1] ?? Number.NaN);
  if (Number.isNaN(passed) || Number.isNaN(failed)) {
    total[exitCode === 0 ? "passed" : "failed"]++;
  } else {
    total.passed += passed;
    // A runner that ended badly has failed, whatever it counted before.
    total.failed += exitCode === 0 ? failed : Math.max(failed, 1);
  }
  if (exitCode === 0) return;
  const tests = new Set(output.split("\n").filter((line) => line.startsWith("(fail)")));
  failures.push(`${title} (exit code ${exitCode})`, ...[...tests].map((line) => `  ${line}`));
}

function runAndShow(command: readonly string[]): Promise<{ exitCode: number; output: string }> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const) {
    from.on("data", (chunk: Buffer) => {
      output += chunk.toString("latin1");
      to.write(chunk);
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ exitCode: code ?? (signal === null ? 1 : 128), output }));
  });
}
