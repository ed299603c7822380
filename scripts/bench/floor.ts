import { start } from "./children.ts";
import { hold } from "./held.ts";
import { LineReader } from "./line-reader.ts";
import type { Tracer } from "./tracer.ts";

/** The least that a recorder can do; see floor.c. */
export const floor: Tracer = {
  name: "C floor",
  async watch(program, scratch) {
    await using held = await hold(program, scratch);
    const recorder = start(["dist/floor", String(held.pid)], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const lines = new LineReader(recorder.stdout);
    await lines.next();
    const passes = await held.go();
    recorder.stdin.end();
    const [events = Number.NaN, cpuUs = Number.NaN] = (await lines.next()).split(" ").map(Number);
    await recorder.exited;
    return { passes, cpuMs: cpuUs / 1000, found: events };
  },
};
