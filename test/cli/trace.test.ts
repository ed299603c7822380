import { describe, expect } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { commandLine, powerless, runProgram, runToEnd } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

describe("optimizer trace", () => {
  rootTest("prints what a command opens, in order, behind what the command prints", async () => {
    using folder = temporaryFolder();
    for (const name of ["one", "two"]) writeFileSync(folder.at(name), `${name}\n`);
    const { stdout, stderr, exitCode } = await runProgram(
      "trace",
      "--",
      "cat",
      folder.at("two"),
      folder.at("one"),
    );
    expect(stdout).toStartWith("two\none\n   elapsed        size  path\n");
    const rows = stdout.split("\n").slice(3, -1);
    const paths = rows.map((row) => /^ *[\d.]+(?:us|ms|s) +[\d.]+ (?:B|KiB|MiB) {2}(\/.*)$/.exec(row)?.[1]);
    expect(paths.slice(-2)).toEqual([folder.at("two"), folder.at("one")]);
    expect(paths[0]).toEndWith("/cat");
    expect(rows.at(-1)).toContain("       4 B  ");
    expect(stderr).toMatch(new RegExp(`^${rows.length} files, [\\d.]+ [KM]iB; the last new one after `));
    expect(exitCode).toBe(0);
  });

  for (const [what, command, code] of [
    ["its exit code", ["sh", "-c", "exit 7"], 7],
    ["128 and the number of its signal", ["sh", "-c", "kill -9 $$"], 137],
    ["127 when it is not found", ["/no/such/command"], 127],
  ] as const) {
    rootTest(`returns the command's: ${what}`, async () => {
      const { stdout, exitCode } = await runProgram("trace", "--", ...command);
      expect(stdout).toContain("elapsed");
      expect(exitCode).toBe(code);
    });
  }

  rootTest("gives words behind -- to the command, flags too", async () => {
    const { stdout } = await runProgram("trace", "--", "echo", "--help", "--", "-x");
    expect(stdout).toStartWith("--help -- -x\n");
  });

  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) {
    rootTest(
      `writes the list, and leaves no command, when ${signal} comes while the command ends`,
      async () => {
        using folder = temporaryFolder();
        writeFileSync(folder.at("read"), "read\n");
        const script = 'trap "echo asked" TERM; echo $$; cat "$0"; while :; do sleep 0.1; done';
        // The end of the trace asks the command to end; it does not, and would be waited for.
        const words = ["trace", "--settle", "500ms", "-o", folder.at("list"), "--"];
        await using child = Bun.spawn(commandLine([...words, "sh", "-c", script, folder.at("read")]), {
          stdio: ["ignore", "pipe", "pipe"],
        });
        const reader = child.stdout.getReader();
        let said = "";
        while (!said.endsWith("asked\n")) {
          const { value, done } = await reader.read();
          expect(done).toBe(false);
          said += Buffer.from(value ?? "").toString();
        }
        const startMs = performance.now();
        child.kill(signal);
        expect(await child.exited).toBe(0);
        // It would be killed after 5 seconds.
        expect(performance.now() - startMs).toBeLessThan(4000);
        expect(existsSync(`/proc/${said.split("\n", 1)[0]}`)).toBe(false);
        expect(readFileSync(folder.at("list"), "utf8")).toContain(`${folder.at("read")}\n`);
      },
    );
  }

  rootTest("tells the cure without the right to trace", async () => {
    expect(await runToEnd(commandLine(["trace", "--", "true"], powerless))).toEqual({
      stdout: "",
      stderr:
        "optimizer: Cannot start tracing with fanotify: EPERM (run as root: this needs CAP_SYS_ADMIN)\n",
      exitCode: 1,
    });
  });
});
