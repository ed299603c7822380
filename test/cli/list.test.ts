import { describe, expect, test } from "bun:test";
import { commandLine, runProgram, runToEnd } from "../helpers/program.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { resultFiles, writeFiles } from "../results/results.ts";

describe("optimizer list", () => {
  test("prints a table, whole when nobody looks", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, {
      ...resultFiles("nginx:latest"),
      ...resultFiles("ghcr.io/org/app:1", { trouble: ["x"] }),
    });
    const command = commandLine(["list", "--persist-dir", folder.path]);
    expect(await runToEnd(command, { TZ: "UTC" })).toEqual({
      stdout: `IMAGE              FILES    BYTES  WHEN              COMPLETE  END
ghcr.io/org/app:1      3  2.9 MiB  2026-11-24 04:00  no        stopped
nginx:latest           3  2.9 MiB  2026-11-24 04:00  yes       stopped
`,
      stderr: "",
      exitCode: 0,
    });
  });

  test("marks a list that has more than files of the image, and explains the mark on stderr", async () => {
    using folder = temporaryFolder();
    const filter = { kind: "none", why: "the root file system is btrfs, not overlay" } as const;
    writeFiles(folder, { ...resultFiles("app:1", { filter }), ...resultFiles("nginx:latest") });
    const words = ["list", "--persist-dir", folder.path];
    const { stdout, stderr } = await runProgram(...words);
    expect(stdout.split("\n").slice(1, 3)).toEqual([
      expect.stringMatching(/^app:1 .* {2}yes\* {2,}stopped$/),
      expect.stringMatching(/^nginx:latest .* {2}yes {2,}stopped$/),
    ]);
    expect(stderr).toBe("* has files made at run time, too; optimizer show NAME says why\n");
    const [app, nginx] = JSON.parse((await runProgram(...words, "--json")).stdout);
    expect([app.unfiltered, nginx.unfiltered]).toEqual([filter.why, null]);
    const shown = await runProgram("show", "app:1", "--persist-dir", folder.path);
    expect(shown.stdout).toContain(`  unfiltered all files are listed: ${filter.why}\n`);
    const json = JSON.parse(
      (await runProgram("show", "app:1", "--json", "--persist-dir", folder.path)).stdout,
    );
    expect(json).toMatchObject({ unfiltered: filter.why, record: { unfiltered: filter.why } });
  });

  test("--json has what a program needs", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, { ...resultFiles("nginx:latest"), "_unnamed/\xe9": "/a\n" });
    const { stdout, exitCode } = await runProgram("list", "--json", "--persist-dir", folder.path);
    const [unnamed, nginx] = JSON.parse(stdout) as object[];
    expect(nginx).toEqual({
      name: "nginx:latest",
      files: 3,
      bytes: 3_000_000,
      when: "2026-11-24T04:00:12.345Z",
      complete: true,
      unfiltered: null,
      end: "container stopped",
      list: folder.at("nginx:latest"),
      csv: folder.at("nginx:latest.csv"),
      json: folder.at("nginx:latest.json"),
    });
    expect(unnamed).toMatchObject({
      name: "_unnamed/\ufffd",
      nameBase64: Buffer.from("_unnamed/\xe9", "latin1").toString("base64"),
      files: 1,
      bytes: null,
      complete: null,
      csv: null,
    });
    expect(exitCode).toBe(0);
  });

  test("says so when there are none", async () => {
    using folder = temporaryFolder();
    const words = ["list", "--persist-dir", folder.path];
    expect(await runProgram(...words)).toEqual({
      stdout: "",
      stderr: `No results in ${folder.path} yet\n`,
      exitCode: 0,
    });
    expect(await runProgram(...words, "--json")).toEqual({ stdout: "[]\n", stderr: "", exitCode: 0 });
  });

  test("tells the cure when there is no folder", async () => {
    using folder = temporaryFolder();
    const none = folder.at("none");
    expect(await runProgram("list", "--persist-dir", none)).toEqual({
      stdout: "",
      stderr: `optimizer: No results: ${none} does not exist; --persist-dir names another folder, optimizer doctor checks the plugin\n`,
      exitCode: 1,
    });
  });

  for (const [words, message] of [
    [["--persit-dir", "/x"], "Unknown flag --persit-dir; did you mean --persist-dir?"],
    [["nginx"], 'Unexpected word "nginx"; see --help'],
  ] as const) {
    test(`${words.join(" ")} is wrong usage`, async () => {
      expect(await runProgram("list", ...words)).toEqual({
        stdout: "",
        stderr: `optimizer: ${message}\n`,
        exitCode: 2,
      });
    });
  }
});
