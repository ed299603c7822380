import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { commandEnvironment } from "../../src/cli/command-environment.ts";
import { commandLine, runToEnd } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { addProgram, smallRootfs } from "../helpers/small-rootfs.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const ours = { PATH: process.env["PATH"] ?? "", HOME: "/home/somebody", OURS: "1", TERM: "xterm" };

describe("commandEnvironment()", () => {
  test.each([
    ["a command on the host has ours", { env: ["A=1"] }, { base: "inherited", variables: ["A=1"] }],
    [
      "one in an unpacked image has what containers have, and no TERM",
      { rootfs: "/r", env: ["A=1", "TERM"] },
      { base: "clean", variables: [PATH, "HOME=/root", "A=1", "TERM"] },
    ],
    [
      "it has ours when that is asked for",
      { rootfs: "/r", env: ["A=1"], fromHost: true },
      { base: "inherited", variables: ["A=1"] },
    ],
  ] as const)("%s", (_, flags, expected) => {
    expect(commandEnvironment({ rootfs: undefined, fromHost: false, ...flags })).toEqual(expected);
  });
});

describe("optimizer trace", () => {
  /** Runs `env`, whose output is the environment, sorted. */
  async function environment(...words: readonly string[]): Promise<string[]> {
    using folder = temporaryFolder();
    const command = commandLine(["trace", "--quiet", "--output", folder.at("list"), ...words, "--", "env"]);
    const { stdout, stderr } = await runToEnd(command, ours);
    expect(stderr).toBe("");
    return stdout.split("\n").slice(0, -1).sort();
  }

  rootTest("gives a command on the host our environment, and what --env says", async () => {
    expect(await environment("--env", "A=1", "--env", "OURS=2", "--env", "NONE", "--env", "HOME")).toEqual([
      "A=1",
      "HOME=/home/somebody",
      "OURS=2",
      `PATH=${ours.PATH}`,
      "TERM=xterm",
    ]);
  });

  for (const [what, words, expected] of [
    ["PATH and HOME alone", [], ["HOME=/root", PATH]],
    [
      "what --env says: the last one of a name, ours for a name alone, nothing where we have none",
      ["--env", "A=1", "--env=B=x=y", "--env", "OURS", "--env", "NONE", "--env", "A=2", "--env", "EMPTY="],
      ["A=2", "B=x=y", "EMPTY=", "HOME=/root", "OURS=1", PATH],
    ],
    ["ours in place of its own when it is named", ["--env", "HOME"], ["HOME=/home/somebody", PATH]],
    [
      "our whole environment with --env-from-host",
      ["--env-from-host", "--env", "A=1"],
      ["A=1", "HOME=/home/somebody", "OURS=1", `PATH=${ours.PATH}`, "TERM=xterm"],
    ],
  ] as const) {
    rootTest(`--rootfs gives the command ${what}`, async () => {
      using folder = temporaryFolder();
      expect(await environment("--rootfs", smallRootfs(folder.path), ...words)).toEqual([...expected]);
    });
  }

  rootTest("--rootfs finds the command by the PATH that it gets, in its own root", async () => {
    using folder = temporaryFolder();
    const rootfs = smallRootfs(folder.path);
    mkdirSync(`${rootfs}/opt`);
    addProgram(rootfs, "echo", "/opt/only-there");
    const words = ["trace", "--quiet", "--list", "--rootfs", rootfs];
    const found = await runToEnd(
      commandLine([...words, "--env", "PATH=/opt", "--", "only-there", "x"]),
      ours,
    );
    expect(found).toMatchObject({ stderr: "", exitCode: 0 });
    expect(found.stdout).toStartWith("x\n/opt/only-there\n");
    const lost = await runToEnd(commandLine([...words, "--", "only-there"]), { ...ours, PATH: "/opt" });
    expect(lost).toMatchObject({ stderr: "optimizer: Cannot run only-there: ENOENT\n", exitCode: 127 });
  });

  rootTest("hands on our variables as they are, in whatever encoding", async () => {
    using folder = temporaryFolder();
    const trace = ["trace", "--quiet", "--output", folder.at("list"), "--rootfs", smallRootfs(folder.path)];
    for (const words of [["--env", "BYTES"], ["--env-from-host"]]) {
      const command = commandLine([...trace, ...words, "--", "env"]);
      const setting = 'BYTES="$(printf "a\\377b")" exec "$@" | od -An -c';
      const { stdout } = await runToEnd(["sh", "-c", setting, "sh", ...command]);
      expect(stdout.replaceAll(/\s+/g, "")).toContain("BYTES=a377b");
    }
  });
});
