import { describe, expect, test } from "bun:test";
import { parseStraceLog } from "../../scripts/rig/strace-log.ts";

/** As strace writes a path with -xx. */
function hex(path: string): string {
  return [...Buffer.from(path, "latin1")].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
}

describe("parseStraceLog()", () => {
  test("takes opens that succeeded, in the order of their ends", () => {
    const log = [
      `7  openat(AT_FDCWD<${hex("/")}>, "${hex("a")}", O_RDONLY <unfinished ...>`,
      `8  openat(AT_FDCWD<${hex("/")}>, "${hex("b")}", O_RDONLY) = 3<${hex("/b\xff>")}>`,
      `7  <... openat resumed>) = 4<${hex("/a")}>(deleted)`,
      `7  openat(AT_FDCWD<${hex("/")}>, "${hex("c")}", O_RDONLY) = -1 ENOENT (No such file or directory)`,
      `7  openat(AT_FDCWD<${hex("/")}>, "${hex("d")}", O_RDONLY|O_PATH) = 5<${hex("/d")}>`,
      "7  +++ exited with 0 +++",
    ].join("\n");
    expect(parseStraceLog(log)).toEqual([
      { kind: "open", path: "/b\xff>" },
      { kind: "open", path: "/a" },
    ]);
  });

  test("knows the folder of a program that a new process starts before its parent's fork returns", () => {
    const log = [
      `7  chdir("${hex("/opt")}") = 0`,
      "7  vfork( <unfinished ...>",
      `9  execve("${hex("./x")}", [...], 0x1 /* 3 vars */ <unfinished ...>`,
      "7  <... vfork resumed>) = 2 /* 9 in strace's PID NS */",
      "9  <... execve resumed>) = 0",
      `9  chdir("${hex("sub")}") = 0`,
      `9  execve("${hex("y")}", [...], 0x1 /* 3 vars */) = 0`,
      `7  execve("${hex("z")}", [...], 0x1 /* 3 vars */) = 0`,
    ].join("\n");
    expect(parseStraceLog(log)).toEqual([
      { kind: "exec", path: "./x", cwd: "/opt" },
      { kind: "exec", path: "y", cwd: "/opt/sub" },
      { kind: "exec", path: "z", cwd: "/opt" },
    ]);
  });

  test("follows a thread that becomes its process, and a program started by descriptor", () => {
    const log = [
      "7  clone(child_stack=0x1, flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD) = 8",
      `8  chdir("${hex("/srv")}") = 0`,
      `8  execve("${hex("p")}", [...], 0x1 /* 3 vars */ <unfinished ...>`,
      "7  +++ superseded by execve in pid 8 +++",
      "7  <... execve resumed>) = 0",
      `7  execveat(3<${hex("/bin/q")}>, "", [...], 0x1 /* 3 vars */, AT_EMPTY_PATH) = 0`,
    ].join("\n");
    expect(parseStraceLog(log)).toEqual([
      { kind: "exec", path: "p", cwd: "/srv" },
      { kind: "exec", path: "/bin/q", cwd: "/bin/q" },
    ]);
  });
});
