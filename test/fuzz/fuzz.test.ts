import { describe, expect, test } from "bun:test";
import { testSeed } from "../helpers/random.ts";
import { fuzz } from "./fuzzer.ts";
import { targets } from "./targets.ts";

const seed = testSeed();

describe(`mutated inputs (seed ${seed})`, () => {
  for (const target of targets) {
    test(`of ${target.name} break nothing`, async () => {
      const { failures } = await fuzz(target, { seed, more: (inputs) => inputs < target.inputsInTests });
      expect(failures.map(({ message, input }) => `${message}\n${input.toHex()}`)).toEqual([]);
    }, 60_000);
  }
});

describe("fuzz()", () => {
  test("finds what breaks, and makes the input small", async () => {
    const target = {
      name: "a reader that cannot bear two bytes",
      seeds: [Buffer.from("some text in front of a, b and what comes behind")],
      inputsInTests: 0,
      run(input: Uint8Array): string {
        if (Buffer.from(input).includes("XY")) throw new RangeError("XY");
        return input.includes(0x58) ? "X" : "none";
      },
    };
    const { failures, outcomes } = await fuzz(target, { seed: 1, more: (inputs) => inputs < 50_000 });
    expect(outcomes.has("X")).toBe(true);
    expect(failures.map(({ message, input }) => [message, Buffer.from(input).toString()])).toEqual([
      ["RangeError: XY", "XY"],
    ]);
  }, 60_000);
});
