import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { commandLine } from "../helpers/program.ts";
import { makeNullDevice } from "../helpers/special-files.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

/** Starts the built program, tracing a command that makes the file `started` and goes on. */
function startTrace(output: string, started: string) {
  const script = 'touch "$0"; cat';
  const words = ["trace", "-o", output, "--", "sh", "-c", script, started];
  return Bun.spawn(commandLine(words, [], "built"), { stdio: ["pipe", "ignore", "pipe"] });
}

describe("optimizer trace -o of the built program", () => {
  for (const older of ["old\n", undefined]) {
    test(`killed in the middle of a trace leaves nothing ${older === undefined ? "" : "but the older list"}`, async () => {
      using folder = temporaryFolder();
      using aside = temporaryFolder();
      if (older !== undefined) writeFileSync(folder.at("list"), older);
      await using child = startTrace(folder.at("list"), aside.at("started"));
      await waitFor("the command to run", () => existsSync(aside.at("started")));
      const during = readdirSync(folder.path);
      child.kill("SIGKILL");
      await child.exited;
      expect(child.signalCode).toBe("SIGKILL");
      const left = older === undefined ? [] : ["list"];
      expect([during, readdirSync(folder.path)]).toEqual([left, left]);
      if (older !== undefined) expect(readFileSync(folder.at("list"), "utf8")).toBe(older);
    });
  }

  test("into a null device traces to the end and leaves the device", async () => {
    using folder = temporaryFolder();
    using aside = temporaryFolder();
    makeNullDevice(folder.at("null"));
    await using child = startTrace(folder.at("null"), aside.at("started"));
    await waitFor("the command to run", () => existsSync(aside.at("started")));
    child.stdin.end();
    expect(await child.exited).toBe(0);
    expect(await new Response(child.stderr).text()).toContain(" files, ");
    expect(lstatSync(folder.at("null")).isCharacterDevice()).toBe(true);
    expect(readdirSync(folder.path)).toEqual(["null"]);
  });
});
