import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { awaitedProgram } from "../../src/trace/awaited-program.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { rootTest } from "../helpers/root.ts";
import { waitFor } from "../helpers/wait-for.ts";

describe("awaitedProgram()", () => {
  // A runtime's own process in a container is like this: its program lies outside of all that it sees.
  rootTest("is awaited as long as a process runs what was started outside of its root", async () => {
    await using container = await heldContainer({ root: { kind: "overlay", layers: [{ "/a": "a" }] } });
    expect(awaitedProgram(container.pid)).toBe("awaited");
  });

  test("has started when it lies on a mount that the process sees", () => {
    expect(awaitedProgram(process.pid)).toBe("started");
  });

  test("is gone with its process, also when nobody has waited for that yet", async () => {
    await using child = Bun.spawn(["sh", "-c", "true & exec sleep 1000"]);
    const children = `/proc/${child.pid}/task/${child.pid}/children`;
    const dead = await waitFor("a child that has ended", () => {
      const pid = Number(readFileSync(children, "latin1").trim());
      return pid > 0 && /^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, "latin1")) ? pid : undefined;
    });
    expect(awaitedProgram(dead)).toBe("gone");
    expect(awaitedProgram(4_194_303)).toBe("gone");
  });
});
