import { describe, expect, test } from "bun:test";
import { csvHeader } from "../../src/formats/csv.ts";
import { commandLine, runProgram, runToEnd } from "../helpers/program.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { provenance, resultFiles, writeFiles } from "../results/results.ts";

describe("optimizer show", () => {
  test("prints one result, by any form of its name", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, resultFiles("nginx:latest"));
    const command = commandLine(["show", "docker.io/library/nginx", "--persist-dir", folder.path]);
    expect(await runToEnd(command, { TZ: "UTC" })).toEqual({
      stdout: `nginx:latest
  image      docker.io/library/nginx:latest
  digest     ${provenance.image.digest}
  container  web (${provenance.container.id})
  pod        default/web-0
  runtime    containerd 2.1.9
  kernel     6.18.44
  optimizer  0.1.0
  started    2026-11-24 04:00:00
  ended      2026-11-24 04:00:12 (after 12.345s): container stopped
  complete   yes
  files      3 files, 2.9 MiB
  left out   14 opens of files made at run time, 1 open of deleted files, 2 opens of folders, devices and the like
  events     30, none lost, at most 12 in the queue

Largest files
     1.9 MiB  /lib/libc.so.6
   976.6 KiB  /bin/sh
      1000 B  /etc/passwd

By layer
     1.9 MiB  layer 1 of 2, 2 files
   976.6 KiB  layer 2 of 2, 1 file

First files
        10us  /bin/sh
     1.500ms  /lib/libc.so.6
      2.500s  /etc/passwd
`,
      stderr: "",
      exitCode: 0,
    });
  });

  test("--json has what a program needs", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, resultFiles("nginx:latest"));
    const { stdout } = await runProgram("show", "nginx", "--json", "--persist-dir", folder.path);
    expect(JSON.parse(stdout)).toMatchObject({
      name: "nginx:latest",
      files: 3,
      record: {
        reference: provenance.image.reference,
        started: "2026-11-24T04:00:00.000Z",
        counts: provenance.counts,
      },
      largest: [{ path: "/lib/libc.so.6", size: 1_999_000, elapsed: 1500 }, {}, {}],
      layers: [
        { layer: 0, files: 2, bytes: 2_000_000 },
        { layer: 1, files: 1, bytes: 1_000_000 },
      ],
      first: [{ path: "/bin/sh" }, {}, {}],
      last: [],
    });
  });

  test("passes the bytes of paths on", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, { "x:1": "/\xe9\x1b\n" });
    const child = Bun.spawn(commandLine(["show", "x:1", "--persist-dir", folder.path]), { stdout: "pipe" });
    const bytes = Buffer.from(await new Response(child.stdout).arrayBuffer());
    expect(bytes.toString("latin1")).toContain("?  /\xe9\x1b\n");
  });

  test("shows a million files", async () => {
    using folder = temporaryFolder();
    const paths = Array.from({ length: 1_000_000 }, (_, index) => `/usr/lib/some/deep/folder/file-${index}`);
    writeFiles(folder, {
      "big:1": `${paths.join("\n")}\n`,
      "big:1.csv": csvHeader + paths.map((path, index) => `${path},${index},${index}\n`).join(""),
    });
    const { stdout } = await runProgram("show", "big:1", "--persist-dir", folder.path);
    expect(stdout).toContain("  files      1000000 files, 465.7 GiB\n");
    expect(stdout).toContain("   976.6 KiB  /usr/lib/some/deep/folder/file-999999\n");
  }, 60_000);

  for (const [words, message, exitCode] of [
    [[], "Show what? usage: optimizer show NAME; optimizer list shows the names", 2],
    [["a", "b"], 'Unexpected word "b"; see --help', 2],
    [["nginx", "--jso"], "Unknown flag --jso; did you mean --json?", 2],
    [["ngnix"], 'No result has the name "ngnix"; did you mean "nginx:latest"?', 1],
    [["redis"], 'No result has the name "redis"; optimizer list shows all', 1],
  ] as const) {
    test(`${words.join(" ") || "without a name"} exits with ${exitCode}`, async () => {
      using folder = temporaryFolder();
      writeFiles(folder, resultFiles("nginx:latest"));
      expect(await runProgram("show", ...words, "--persist-dir", folder.path)).toEqual({
        stdout: "",
        stderr: `optimizer: ${message}\n`,
        exitCode,
      });
    });
  }
});
