import { test } from "bun:test";

const mayRun = process.getuid?.() === 0 || Boolean(process.env["CI"]);
if (!mayRun)
  process.stderr.write("Tests that trace or mount are left out: they need root (in CI they fail)\n");

/** A test that needs root. Without it the test is left out, except in CI, where it fails. */
export const rootTest = mayRun ? test : test.skip;
