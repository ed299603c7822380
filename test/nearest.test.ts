import { describe, expect, test } from "bun:test";
import { nearest } from "../src/nearest.ts";

const keys = ["persist_dir", "readable", "timeout", "overwrite", "events"];

describe("nearest()", () => {
  for (const [typed, expected] of [
    ["timeout", "timeout"],
    ["timout", "timeout"],
    ["tiemout", "timeout"],
    ["TIMEOUT", "timeout"],
    ["persit-dir", "persist_dir"],
    ["persistdir", "persist_dir"],
    ["override", "overwrite"],
    ["event", "events"],
    ["evnets", "events"],
    ["readabel", "readable"],
    ["", undefined],
    ["x", undefined],
    ["server", undefined],
    ["completely-else", undefined],
    ["timeout".repeat(100_000), undefined],
  ] as const) {
    test(`of the keys, ${JSON.stringify(typed.slice(0, 30))} is nearest to ${expected}`, () => {
      expect(nearest(typed, keys)).toBe(expected as string);
    });
  }

  test("takes the nearer of two", () => {
    expect(nearest("tracer", ["trades", "trace"])).toBe("trace");
  });

  test("finds nothing among nothing", () => {
    expect(nearest("x", [])).toBeUndefined();
  });
});
