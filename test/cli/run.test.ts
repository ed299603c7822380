import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { runProgram } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

describe("optimizer", () => {
  for (const [words, stdout, exitCode] of [
    [["--version"], /^optimizer \d+\.\d+\.\d+ \(.+\), Bun \d\S+, x64, Linux \d\S+\n$/, 0],
    [["--help"], /^optimizer .*\n\nUsage: optimizer COMMAND \[FLAGS\]\n/, 0],
    [["-h"], /^optimizer .*\n\nUsage: /, 0],
    [["help"], /^optimizer .*\n\nUsage: /, 0],
    [[], /^optimizer .*\n\nUsage: /, 2],
    [["plugin", "--help"], /--persist-dir[\s\S]*--socket-path/, 0],
    [["trace", "--help"], /optimizer trace/, 0],
  ] as const) {
    test(`${words.join(" ") || "without words"} exits with ${exitCode}`, async () => {
      const ended = await runProgram(...words);
      expect(ended.stderr).toBe("");
      expect(ended.stdout).toMatch(stdout);
      expect(ended.exitCode).toBe(exitCode);
    });
  }

  // citty colours its usage whether anybody looks at it or not.
  test("plugin --help has no colours when it is not read by a terminal", async () => {
    const { stdout } = await runProgram("plugin", "--help");
    expect(stdout).not.toContain("\x1b");
  });

  for (const [words, message] of [
    [["plgin"], 'Unknown command "plgin"; did you mean "plugin"?'],
    [["constructor"], 'Unknown command "constructor"; see --help'],
    [["--verson"], 'Unknown command "--verson"; see --help'],
    [["plugin", "--persit-dir", "/x"], "Unknown flag --persit-dir; did you mean --persist-dir?"],
    [["plugin", "--persist_dir=/x"], "Unknown flag --persist_dir; did you mean --persist-dir?"],
    [["plugin", "--constructor"], "Unknown flag --constructor; see --help"],
    [["plugin", "-x"], "Unknown flag -x; see --help"],
    [["plugin", "-timeout", "5"], "Unknown flag -timeout; did you mean --timeout?"],
    [["plugin", "--timeout"], "--timeout needs a value"],
    [["plugin", "--timeout", "--", "5"], "--timeout needs a value"],
    [["plugin", "--timeout=-1"], "--timeout must be seconds from 0 to 2147483"],
    [["plugin", "--list-per", "pod"], '--list-per must be "image" or "workload"'],
    [
      ["plugin", "--exclude", "namespace=dev,imgae=x"],
      '--exclude "imgae=x": unknown kind "imgae"; did you mean "image"?',
    ],
    [["plugin", "--merge", "--overwrite"], "--overwrite is ignored, since merge is true; leave one out"],
    [["plugin", "--timeout", "soon"], "--timeout must be seconds from 0 to 2147483"],
    [
      ["plugin", "--persist-dir", "lists"],
      '--persist-dir must be an absolute path, such as "/opt/nri/optimizer/results"',
    ],
    [
      ["plugin", "--events", "StartContaner"],
      'Cannot subscribe to event "StartContaner": no event has this name, the nearest is "StartContainer"',
    ],
    [["plugin", "--idx", "2", "--socket-path", "/x"], 'Cannot use index "2": it must be two digits'],
    [
      ["plugin", "--name", "a b", "--socket-path", "/x"],
      'Cannot register as "a b": a name has letters, digits and "_.+-" only',
    ],
    [["trace"], "Nothing to trace; name one of: CONTAINER, --pid PID, -- COMMAND [ARG…]"],
    [["trace", "--"], "Nothing to trace; name one of: CONTAINER, --pid PID, -- COMMAND [ARG…]"],
    [
      ["trace", "web", "--", "true"],
      "More than one thing to trace; name one of: CONTAINER, --pid PID, -- COMMAND [ARG…]",
    ],
    [["trace", "--jsn", "--", "true"], "Unknown flag --jsn; did you mean --json?"],
    [["trace", "--json", "--csv", "--", "true"], "Only one of --csv and --json"],
    [["trace", "--pid", "web"], '--pid must be the number of a process, not "web"'],
    [
      ["trace", "--pid", "1", "--rootfs", "/"],
      "--rootfs and --until-line go with a command; put it behind --",
    ],
    [["trace", "--env", "=x", "--", "true"], '--env must be NAME=VALUE or NAME, not "=x"'],
    [["trace", "--env", "", "--", "true"], '--env must be NAME=VALUE or NAME, not ""'],
    [["trace", "--env", "--", "true"], "--env needs a value"],
    [["trace", "--env", "A=1", "web"], "--env and --env-from-host go with a command; put it behind --"],
    [
      ["trace", "--env-from-host", "--", "true"],
      "--env-from-host goes with --rootfs; a command on the host has that environment anyway",
    ],
    [
      ["trace", "--timeout", "soon", "--", "true"],
      '--timeout must be a duration such as 30s, 500ms or 2m, not "soon"',
    ],
    [
      ["trace", "--output", "/no/such/list", "--", "true"],
      "Cannot write to /no/such/list: ENOENT: make the folder first (mkdir -p /no/such)",
    ],
    [["completions", "csh"], "Name a shell: bash, zsh, fish"],
  ] as const) {
    test(`${words.join(" ")} is wrong usage`, async () => {
      expect(await runProgram(...words)).toEqual({
        stdout: "",
        stderr: `optimizer: ${message}\n`,
        exitCode: 2,
      });
    });
  }

  for (const words of [
    ["plugin", "extra", "--config", "/no/such/file"],
    ["plugin", "--readable=maybe", "--config", "/no/such/file"],
  ]) {
    // Passed over in silence: the complaint is of the configuration, which is looked at later.
    test(`${words.join(" ")} is wrong usage for its second word`, async () => {
      const { stderr } = await runProgram(...words);
      expect(stderr).not.toContain("Cannot read the configuration");
    });
  }

  rootTest("plugin --config of a file that is not there is wrong usage", async () => {
    expect(await runProgram("plugin", "--config", "/no/such/file")).toEqual({
      stdout: "",
      stderr: "optimizer: Cannot read the configuration /no/such/file: ENOENT\n",
      exitCode: 2,
    });
  });

  rootTest("plugin --config names each problem with its line", async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("conf"), "timeout = -1\n\nreadabel = true\n");
    expect(await runProgram("plugin", "--socket-path", "/x", "--config", folder.at("conf"))).toEqual({
      stdout: "",
      stderr:
        `optimizer: ${folder.at("conf")}: line 1: timeout must be seconds from 0 to 2147483\n` +
        `${folder.at("conf")}: line 3: unknown key "readabel"; did you mean "readable"?\n`,
      exitCode: 2,
    });
  });
});
