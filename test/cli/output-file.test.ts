import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { commandLine, runProgram, runToEnd } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { makeFifo, makeNullDevice } from "../helpers/special-files.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";
import { writeFiles } from "../results/results.ts";

/** The commands that write a file, and how it begins. */
const commands = [
  ["export", ["export", "LIST", "--format", "nul"], "/a\0/b\0"],
  ["merge", ["merge", "LIST"], "/a\n/b\n"],
  ["completions", ["completions", "bash"], "_optimizer() {\n"],
  ["trace", ["trace", "--quiet", "--", "cat", "LIST"], "/"],
] as const;

/** A folder `out` beside a list, where nothing lies but what a test puts there. */
function place(): TemporaryFolder {
  const folder = temporaryFolder();
  writeFiles(folder, { list: "/a\n/b\n" });
  mkdirSync(folder.at("out"));
  return folder;
}

/** The words with the list's path, and -o before what belongs to a traced command. */
function wordsFor(words: readonly string[], folder: TemporaryFolder, output: string): string[] {
  const [command = "", ...rest] = words.map((word) => (word === "LIST" ? folder.at("list") : word));
  return [command, "-o", output, ...rest];
}

const entries = (folder: TemporaryFolder): string[] => readdirSync(folder.at("out")).sort();

/** Starts what follows as a user to whom others can close folders and files. Still root: the checkout may be closed, too. */
const ordinary = ["dac_override", "fowner", "chown"].map((name) => `-${name}`).join(",");
const asOrdinary = ["setpriv", `--bounding-set=${ordinary}`, `--inh-caps=${ordinary}`, "--"];
const OTHER = 1234;

for (const [name, words, beginning] of commands) {
  const isMerge = name === "merge";

  describe(`optimizer ${name} -o`, () => {
    rootTest("writes into a device, which stays one", async () => {
      using folder = place();
      const path = folder.at("out", "null");
      makeNullDevice(path);
      const { stdout, stderr, exitCode } = await runProgram(...wordsFor(words, folder, path));
      expect(stderr).toBe(
        isMerge ? `${path} is no regular file: the list goes there alone, without .csv and .json\n` : "",
      );
      expect(stdout).toBe(name === "trace" ? "/a\n/b\n" : "");
      expect(exitCode).toBe(0);
      expect(lstatSync(path).isCharacterDevice()).toBe(true);
      expect(entries(folder)).toEqual(["null"]);
    });

    rootTest("writes into a FIFO, whose reader gets all and then the end", async () => {
      using folder = place();
      const path = folder.at("out", "fifo");
      makeFifo(path);
      const reader = runToEnd(["cat", path]);
      expect((await runProgram(...wordsFor(words, folder, path))).exitCode).toBe(0);
      expect((await reader).stdout).toStartWith(beginning);
      expect(entries(folder)).toEqual(["fifo"]);
    });

    rootTest("replaces what a link leads to, and leaves the link", async () => {
      using folder = place();
      writeFileSync(folder.at("real"), "old");
      chownSync(folder.at("real"), 1234, 4321);
      chmodSync(folder.at("real"), 0o604);
      symlinkSync("../real", folder.at("out", "link"));
      await runProgram(...wordsFor(words, folder, folder.at("out", "link")));
      expect(readlinkSync(folder.at("out", "link"))).toBe("../real");
      expect(readFileSync(folder.at("real"), "latin1")).toStartWith(beginning);
      const { uid, gid, mode } = statSync(folder.at("real"));
      expect([uid, gid, mode & 0o777]).toEqual([1234, 4321, 0o604]);
      expect(entries(folder)).toEqual(["link"]);
    });

    rootTest("refuses a folder before it does anything", async () => {
      using folder = place();
      const path = folder.at("out");
      const { stdout, stderr, exitCode } = await runProgram(...wordsFor(words, folder, path));
      expect({ stdout, stderr, exitCode }).toEqual({
        stdout: "", // of trace the command's, which did not run
        stderr: `optimizer: Cannot write to ${path}: EISDIR: it is a folder: name a file in it (${path}/list)\n`,
        exitCode: 2,
      });
      expect(entries(folder)).toEqual([]);
    });
  });
}

describe("an output file", () => {
  const write = (path: string, before: readonly string[] = []) =>
    runToEnd(commandLine(["completions", "bash", "-o", path], before));

  rootTest("is checked before a command is traced", async () => {
    using folder = place();
    mkdirSync(folder.at("ro"));
    const ran = folder.at("ran");
    const readOnly = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o ro none "$0" && exec "$@"'];
    for (const [output, message, before] of [
      [folder.at("out"), "EISDIR", []],
      [folder.at("none", "x"), `ENOENT: make the folder first (mkdir -p ${folder.at("none")})`, []],
      [`${folder.at("new")}/`, "EISDIR", []],
      [folder.at("ro", "x"), "EROFS: the file system is read-only", [...readOnly, folder.at("ro")]],
      [folder.at("list", "x"), "ENOTDIR: a part of the path is no folder", []],
    ] as const) {
      const words = ["trace", "-o", output, "--", "touch", ran];
      const { stderr, exitCode } = await runToEnd(commandLine(words, before));
      expect(stderr).toStartWith(`optimizer: Cannot write to ${output}: ${message}`);
      expect(exitCode).toBe(2);
      expect(existsSync(ran)).toBe(false);
    }
    expect(readdirSync(folder.path).sort()).toEqual(["list", "out", "ro"]);
  });

  rootTest("is refused where the user may not write", async () => {
    using folder = place();
    writeFileSync(folder.at("file"), "old");
    for (const path of [folder.path, folder.at("file")]) chownSync(path, OTHER, OTHER);
    for (const path of [folder.at("new"), folder.at("file")]) {
      const { stderr, exitCode } = await write(path, asOrdinary);
      expect(stderr).toStartWith(
        `optimizer: Cannot write to ${path}: EACCES: its folder or the file is closed`,
      );
      expect(exitCode).toBe(2);
    }
    expect(readFileSync(folder.at("file"), "utf8")).toBe("old");
  });

  rootTest("is written over where the user may write to it and not into its folder", async () => {
    using folder = place();
    writeFileSync(folder.at("file"), "x".repeat(100_000));
    chownSync(folder.path, OTHER, OTHER);
    const { ino } = statSync(folder.at("file"));
    expect(await write(folder.at("file"), asOrdinary)).toMatchObject({ stderr: "", exitCode: 0 });
    expect(readFileSync(folder.at("file"), "utf8")).toMatch(/^_optimizer\(\) \{\n[^x]/);
    expect(readFileSync(folder.at("file"), "utf8")).toEndWith("_optimizer optimizer\n");
    expect(statSync(folder.at("file")).ino).toBe(ino);
  });

  rootTest("of another user stays that user's", async () => {
    using folder = place();
    writeFileSync(folder.at("file"), "old");
    chmodSync(folder.at("file"), 0o666);
    chownSync(folder.at("file"), OTHER, OTHER);
    expect(await write(folder.at("file"), asOrdinary)).toMatchObject({ stderr: "", exitCode: 0 });
    expect(readFileSync(folder.at("file"), "utf8")).toStartWith("_optimizer");
    expect(statSync(folder.at("file")).uid).toBe(OTHER);
    expect(readdirSync(folder.path).sort()).toEqual(["file", "list", "out"]);
  });

  test("that is new has the mode that the umask leaves", async () => {
    using folder = place();
    const path = folder.at("new");
    await write(path, ["sh", "-c", 'umask 027; exec "$@"', "sh"]);
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  rootTest("/dev/stdout is that descriptor: what is there already stays", async () => {
    using folder = place();
    const script = '"$@" >> "$0"';
    writeFileSync(folder.at("log"), "before\n");
    for (const output of ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
      const words = ["trace", "--quiet", "-o", output, "--", "cat", folder.at("list")];
      const command = ["sh", "-c", script, folder.at("log"), ...commandLine(words)];
      expect(await runToEnd(command)).toEqual({ stdout: "", stderr: "", exitCode: 0 });
    }
    const text = readFileSync(folder.at("log"), "utf8");
    expect(text).toMatch(/^before\n(\/a\n\/b\n(\/.*\n)*?\/.*\/list\n){3}$/);
  });

  test("/dev/stdout may be a socket", async () => {
    // Bun's pipes are.
    const { stdout, exitCode } = await runProgram("completions", "bash", "-o", "/dev/stdout");
    expect(stdout).toStartWith("_optimizer() {\n");
    expect(exitCode).toBe(0);
  });

  test("a reader of a FIFO that goes early has seen enough", async () => {
    using folder = place();
    const path = folder.at("fifo");
    makeFifo(path);
    writeFiles(folder, { long: Array.from({ length: 300_000 }, (_, index) => `/${index}\n`).join("") });
    const reader = runToEnd(["head", "-c", "3", path]);
    const words = ["export", folder.at("long"), "--format", "list", "-o", path];
    expect(await runProgram(...words)).toEqual({ stdout: "", stderr: "", exitCode: 0 });
    expect((await reader).stdout).toBe("/0\n");
  });

  rootTest("on a full disk leaves the older one, and nothing else", async () => {
    using folder = place();
    writeFiles(folder, { long: Array.from({ length: 300_000 }, (_, index) => `/${index}\n`).join("") });
    const script = `mount -t tmpfs -o size=64k none "$1" && echo old > "$1/file" && { shift; "$@"; echo $?; ls -A "$0"; cat "$0/file"; }`;
    const words = ["export", folder.at("long"), "--format", "list", "-o", folder.at("out", "file")];
    const command = ["unshare", "--mount", "sh", "-c", script, folder.at("out"), folder.at("out")];
    const { stdout, stderr } = await runToEnd([...command, ...commandLine(words)]);
    expect(stdout).toBe("1\nfile\nold\n");
    expect(stderr).toBe(`optimizer: Cannot write to ${folder.at("out", "file")}: ENOSPC\n`);
  });

  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    test(`of a program that gets ${signal} while it writes leaves nothing`, async () => {
      using folder = place();
      writeFiles(folder, { long: Array.from({ length: 200_000 }, (_, index) => `/${index}\n`).join("") });
      writeFileSync(folder.at("out", "file"), "old");
      const words = ["export", folder.at("long"), "--format", "estargz", "-o", folder.at("out", "file")];
      await using child = Bun.spawn(commandLine(words), { stdio: ["ignore", "ignore", "inherit"] });
      const fds = `/proc/${child.pid}/fd`;
      await waitFor("the file without a name to grow", () =>
        existsSync(fds)
          ? readdirSync(fds).some((fd) => {
              try {
                const isOutput = readlinkSync(`${fds}/${fd}`).startsWith(folder.at("out", "#"));
                return isOutput && statSync(`${fds}/${fd}`).size > 0;
              } catch {
                return false;
              }
            })
          : false,
      );
      child.kill(signal);
      await child.exited;
      expect(child.signalCode).toBe(signal);
      expect(entries(folder)).toEqual(["file"]);
      expect(readFileSync(folder.at("out", "file"), "utf8")).toBe("old");
    });
  }
});

describe("optimizer merge -o", () => {
  test("through a link puts all three beside the file that it leads to, where other commands find them", async () => {
    using folder = place();
    mkdirSync(folder.at("real"));
    symlinkSync("../real/app", folder.at("out", "link"));
    const link = folder.at("out", "link");
    for (let runs = 1; runs <= 3; runs++) {
      await runProgram("merge", folder.at("list"), ...(runs === 1 ? [] : [link]), "-o", link);
      expect(JSON.parse(readFileSync(folder.at("real/app.json"), "utf8")).merged.runs).toBe(runs);
    }
    expect(entries(folder)).toEqual(["link"]);
    expect(readdirSync(folder.at("real")).sort()).toEqual(["app", "app.csv", "app.json"]);
  });

  test("refuses a name whose companions cannot be written, before it writes any", async () => {
    using folder = place();
    mkdirSync(folder.at("out", "x.json"));
    const { stderr, exitCode } = await runProgram("merge", folder.at("list"), "-o", folder.at("out", "x"));
    expect(stderr).toStartWith(`optimizer: Cannot write to ${folder.at("out", "x.json")}: EISDIR`);
    expect(exitCode).toBe(2);
    expect(entries(folder)).toEqual(["x.json"]);
  });

  test("refuses a link to the companion of another list", async () => {
    using folder = place();
    symlinkSync("../list.csv", folder.at("out", "link"));
    const path = folder.at("out", "link");
    const { stderr, exitCode } = await runProgram("merge", folder.at("list"), "-o", path);
    expect(stderr).toBe(
      `optimizer: ${path} would be taken for the companion of another list; choose another name\n`,
    );
    expect(exitCode).toBe(2);
  });
});
