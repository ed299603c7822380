import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { commandLine, powerless, runProgram, runToEnd } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

describe("optimizer doctor", () => {
  rootTest("tells what is wrong without the right to trace, and exits with 1", async () => {
    using folder = temporaryFolder();
    const { stdout, stderr, exitCode } = await runToEnd(
      commandLine(["doctor", "--persist-dir", folder.path], powerless),
    );
    expect(stderr).toBe("");
    expect(stdout).toContain("good   root          uid 0\nWRONG  capabilities  without CAP_SYS_ADMIN: ");
    expect(stdout).toContain(
      "WRONG  fanotify      Cannot start tracing with fanotify: EPERM (run as root: this needs CAP_SYS_ADMIN)\n",
    );
    expect(exitCode).toBe(1);
  });

  rootTest("--json is for programs", async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("conf"), "readabel = true\n");
    const { stdout, exitCode } = await runProgram(
      ...["doctor", "--json", "--persist-dir", folder.path, "--config", folder.at("conf")],
    );
    const report = JSON.parse(stdout) as { findings: object[] };
    expect(report).toMatchObject({ version: 1, healthy: false });
    expect(report.findings).toContainEqual({
      check: "config",
      level: "wrong",
      text: `${folder.at("conf")}: line 1: unknown key "readabel"; did you mean "readable"?`,
      advice: null,
      commands: [`sed -i --follow-symlinks '1s/readabel/readable/' ${folder.at("conf")}`],
    });
    expect(exitCode).toBe(1);
  });

  test("--perist-dir is wrong usage", async () => {
    expect(await runProgram("doctor", "--perist-dir", "/x")).toEqual({
      stdout: "",
      stderr: "optimizer: Unknown flag --perist-dir; did you mean --persist-dir?\n",
      exitCode: 2,
    });
  });
});
