import { fuzz } from "../test/fuzz/fuzzer.ts";
import { targets } from "../test/fuzz/targets.ts";

/**
 * Fuzzes everything that reads what others wrote, for SECONDS in total (600), from TEST_SEED. Prints a line for each
 * target, and each failure with an input that brings it back. Exit code 1 when there was one.
 */
const seconds = Number(process.env["SECONDS"] || 600);
const seed = Number(process.env["TEST_SEED"] || Date.now() % 2 ** 31);
const only = process.argv.slice(2);
const chosen = targets.filter(({ name }) => only.length === 0 || only.includes(name));

console.log(`seed ${seed}, ${seconds} seconds for ${chosen.length} targets`);
console.log(
  `${"target".padEnd(18)}${"inputs".padStart(10)}${"a second".padStart(10)}${"outcomes".padStart(10)}  failures`,
);
let failed = false;
for (const target of chosen) {
  const deadlineMs = performance.now() + (seconds * 1000) / chosen.length;
  const { inputs, elapsedMs, outcomes, failures } = await fuzz(target, {
    seed,
    more: () => performance.now() < deadlineMs,
  });
  const perSecond = Math.round((inputs * 1000) / elapsedMs);
  const figures = [inputs, perSecond, outcomes.size].map((figure) => String(figure).padStart(10)).join("");
  console.log(`${target.name.padEnd(18)}${figures}  ${failures.length}`);
  for (const { message, seed, input } of failures) {
    console.log(`  ${message.slice(0, 400)}\n    case seed ${seed}, input ${input.toHex() || "(empty)"}`);
  }
  failed ||= failures.length > 0;
}
process.exit(failed ? 1 : 0);
