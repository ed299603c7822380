import { expect, test } from "bun:test";
import { oneLine } from "../../src/cli/log-line.ts";

test("oneLine() spells out what begins a line, steers a terminal, hides text or turns it round", () => {
  expect(oneLine("a\nb\tc\x1b[31m\x7f\x9b")).toBe("a\\nb\\tc\\u001b[31m\\u007f\\u009b");
  expect(oneLine("gpj.\u202eexe \u2028 \u200b \ufeff \u{e0041}")).toBe(
    "gpj.\\u202eexe \\u2028 \\u200b \\ufeff \\u{e0041}",
  );
});

test("oneLine() leaves the letters of all languages, and quotes", () => {
  const text = 'résumé 日本語 "quoted" \\ 🙂';
  expect(oneLine(text)).toBe(text);
});
