import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { faults, oddProcesses, rowsOf } from "./e2e/fault-table.ts";

test("ARCHITECTURE.md has a row for each fault that is tested, and no other", () => {
  const text = readFileSync(join(import.meta.dir, "../ARCHITECTURE.md"), "utf8");
  const [, section = ""] = /## Faults\n(.*?)\n## /s.exec(text) ?? [];
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  expect(rows.slice(1)).toEqual([...rowsOf(faults), ...rowsOf(oddProcesses)]);
});
