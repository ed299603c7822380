import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../helpers/program.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { provenance, resultFiles, writeFiles } from "../results/results.ts";

describe("optimizer export", () => {
  test("writes a result, named in any form, for a builder", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, resultFiles("nginx:latest"));
    const words = ["export", "docker.io/library/nginx", "--persist-dir", folder.path, "--format"];
    expect(await runProgram(...words, "nydus")).toEqual({
      stdout: "/bin/sh\n/lib/libc.so.6\n/etc/passwd\n",
      stderr: "",
      exitCode: 0,
    });
    const { stdout } = await runProgram(...words, "estargz", "--limit-files", "2");
    expect(
      stdout
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { path: "bin/sh", manifestDigest: provenance.image.digest, layerIndex: 1 },
      { path: "lib/libc.so.6", manifestDigest: provenance.image.digest, layerIndex: 0 },
    ]);
  });

  test("what a record lacks can be given", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, { plain: "/a\n" });
    const digest = `sha256:${"0".repeat(64)}`;
    const words = ["export", folder.at("plain"), "--format"];
    const { stdout } = await runProgram(
      ...words,
      "estargz",
      "--manifest-digest",
      digest,
      "--layer-index",
      "4",
    );
    expect(JSON.parse(stdout)).toEqual({ path: "a", manifestDigest: digest, layerIndex: 4 });
    writeFiles(folder, resultFiles("nginx:latest"));
    const annotation = await runProgram(
      "export",
      folder.at("nginx:latest"),
      "--format",
      "nydus-annotation",
      "--node-path",
      "/lists/nginx",
    );
    expect(JSON.parse(annotation.stdout)).toEqual([
      { image: "docker.io/library/nginx:latest", prefetch: "/lists/nginx" },
    ]);
  });

  test("--image tells which image a bare list is of, and wins over a record", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, { plain: "/a\n", ...resultFiles("nginx:latest") });
    const words = ["--format", "nydus-annotation", "--node-path", "/lists/nginx"];
    const lacking = await runProgram("export", folder.at("plain"), ...words);
    expect(lacking).toEqual({
      stdout: "",
      stderr:
        "optimizer: the list does not say which image it is of: --image REF, the one that the pods run\n",
      exitCode: 1,
    });
    const image = "localhost:5000/nginx:nydus";
    for (const list of ["plain", "nginx:latest"]) {
      const { stdout } = await runProgram("export", folder.at(list), ...words, "--image", image);
      expect(JSON.parse(stdout)).toEqual([{ image, prefetch: "/lists/nginx" }]);
    }
  });

  test("names what the format cannot express, and goes on", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, { hostile: "/good\n/caf\xe9\n/end \n/good\nrelative\n" });
    const { stdout, stderr, exitCode } = await runProgram(
      "export",
      folder.at("hostile"),
      "--format",
      "nydus",
    );
    expect(stdout).toBe("/good\n");
    expect(stderr).toEndWith(`left out 1: listed twice
  "/good"
left out 1: not an absolute path without . and ..
  "relative"
left out 1: name that is not UTF-8
  "/caf\\\\xe9"
left out 1: blank at the end of the name
  "/end "
`);
    expect(exitCode).toBe(0);
  });

  test("an empty list is refused, since builders take it for everything", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, {
      empty: "",
      bad: "/\xff\n",
      good: "/a\n",
      "good.csv": "path,size,elapsed\n/a,10,5000000\n",
    });
    for (const [name, more, message] of [
      ["empty", [], "Nothing to export: the list is empty"],
      ["bad", [], "Nothing to export: none of 1 files can be expressed as nydus"],
      ["good", ["--within", "4s"], "Nothing to export: the limits leave no file"],
      ["good", ["--limit-bytes", "9"], "Nothing to export: the limits leave no file"],
    ] as const) {
      const output = folder.at("output");
      const result = await runProgram("export", folder.at(name), "--format", "nydus", "-o", output, ...more);
      expect(result.stderr).toContain(message);
      expect(result.exitCode).toBe(1);
      expect(readdirSync(folder.path)).not.toContain("output");
    }
  });

  test("several runs are exported as one list", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, { one: "/rare\n/a\n", two: "/a\n" });
    const { stdout } = await runProgram("export", folder.at("one"), folder.at("two"), "--format", "soci");
    expect(JSON.parse(stdout)).toEqual(["/a", "/rare"]);
  });

  test("--output replaces a file when all is written", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, { one: "/a\n", output: "old" });
    await runProgram("export", folder.at("one"), "--format", "nul", "-o", folder.at("output"));
    expect(readFileSync(folder.at("output"), "utf8")).toBe("/a\0");
    expect(readdirSync(folder.path).sort()).toEqual(["one", "output"]);
  });

  test("--rootfs tells overlaybd which folders are listed in full", async () => {
    using folder = temporaryFolder();
    for (const [path, name] of [
      ["usr/lib", "libstdc++.so.6"],
      ["usr/lib", "libc.so.6"],
      ["etc", "passwd"],
      ["etc", "shadow"],
    ] as const) {
      mkdirSync(folder.at("rootfs", path), { recursive: true });
      writeFileSync(join(folder.at("rootfs", path), name), "x");
    }
    writeFiles(folder, { list: "/etc/passwd\n/usr/lib/libstdc++.so.6\n/usr/lib/libc.so.6\n" });
    const words = ["export", folder.at("list"), "--format", "overlaybd"];
    const blind = await runProgram(...words);
    expect(blind.stdout).toBe("/etc/passwd\n/usr/lib/libc.so.6\n");
    expect(blind.stderr).toContain('"/usr/lib/libstdc++.so.6"');
    const seeing = await runProgram(...words, "--rootfs", folder.at("rootfs"));
    expect(seeing.stdout).toStartWith("/etc/passwd\n/usr/");
    expect(seeing.stdout).toEndWith("/\n");
  });

  for (const [words, message] of [
    [[], "--format is missing; it is one of nydus, nydus-json,"],
    [["--format", "nydos"], 'Unknown format "nydos"; did you mean nydus?'],
    [["--format", "zip"], 'Unknown format "zip"; it is one of nydus,'],
    [["--format", "soci"], "Which list? usage: optimizer export NAME|FILE… --format FORMAT"],
    [["x", "--format", "soci", "--limit-files", "0"], '--limit-files must be a number from 1, not "0"'],
    [["x", "--format", "soci", "--limit-bytes", "1T"], "--limit-bytes must be a size such as"],
    [["x", "--format", "soci", "--within", "soon"], "--within must be a duration such as"],
    [["x", "--format", "estargz", "--manifest-digest", "abc"], "--manifest-digest must be sha256: and"],
    [
      ["x", "--format", "nydus-annotation", "--image", "No Image"],
      '--image must be an image such as docker.io/library/nginx:latest, not "No Image"',
    ],
    [["x", "--format", "estargz", "--layer-index", "-1"], "--layer-index must be a number from 0"],
  ] as const) {
    test(`${words.join(" ") || "without a word"} is wrong usage`, async () => {
      const { stderr, exitCode } = await runProgram("export", ...words);
      expect(stderr).toContain(message);
      expect(exitCode).toBe(2);
    });
  }

  test("sizes that are not known cannot be limited", async () => {
    using folder = temporaryFolder();
    writeFiles(folder, { plain: "/a\n" });
    const { stderr } = await runProgram(
      "export",
      folder.at("plain"),
      "--format",
      "soci",
      "--limit-bytes",
      "1M",
    );
    expect(stderr).toContain("--limit-bytes needs sizes, which stand in the .csv beside a list");
  });
});
