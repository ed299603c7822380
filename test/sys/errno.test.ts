import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { errnoName, errorCode, SyscallError } from "../../src/sys/errno.ts";

describe("errnoName()", () => {
  for (const [errno, name] of [
    [1, "EPERM"],
    [2, "ENOENT"],
    [24, "EMFILE"],
    [0, "errno 0"],
    [4711, "errno 4711"],
  ] as const) {
    test(`of ${errno} is ${name}`, () => {
      expect(errnoName(errno)).toBe(name);
    });
  }
});

describe("SyscallError", () => {
  for (const [returned, message] of [
    [-1, "Cannot mark it: EPERM (run as root: this needs CAP_SYS_ADMIN)"],
    [-2, "Cannot mark it: ENOENT"],
    [-23, "Cannot mark it: ENFILE (raise fs.file-max)"],
    [
      -24,
      "Cannot mark it: EMFILE (raise the limit of open files (ulimit -n), or fs.fanotify.max_user_groups)",
    ],
    [-38, "Cannot mark it: ENOSYS (this kernel has no fanotify: Linux 5.10 with CONFIG_FANOTIFY is needed)"],
    [-95, "Cannot mark it: EOPNOTSUPP (this kernel or file system is too old for it: Linux 5.10 is needed)"],
    [-4711, "Cannot mark it: errno 4711"],
  ] as const) {
    test(`fromReturn() of ${returned} says "${message}"`, () => {
      expect(SyscallError.fromReturn("mark it", returned).message).toBe(message);
    });
  }

  test("from() keeps the code and the cause", () => {
    let cause: unknown;
    try {
      readFileSync("/no/such/file");
    } catch (error) {
      cause = error;
    }
    const error = SyscallError.from("read it", cause);
    expect(error).toMatchObject({ message: "Cannot read it: ENOENT", code: "ENOENT", name: "SyscallError" });
    expect(error.cause).toBe(cause);
  });

  for (const [code, message] of [
    ["ENOSYS", "Cannot write it: ENOSYS"],
    ["EPERM", "Cannot write it: EPERM"],
    ["EMFILE", "Cannot write it: EMFILE (raise the limit of open files (ulimit -n))"],
  ] as const) {
    test(`from() of a file system's ${code} says nothing of tracing`, () => {
      expect(SyscallError.from("write it", Object.assign(new Error(), { code })).message).toBe(message);
    });
  }

  test("from() takes whatever was thrown", () => {
    expect(SyscallError.from("read it", "text").message).toBe("Cannot read it: text");
    expect(SyscallError.from("read it", new Error("odd")).message).toBe("Cannot read it: Error: odd");
  });
});

describe("errorCode()", () => {
  for (const [value, code] of [
    [Object.assign(new Error(), { code: "ENOENT" }), "ENOENT"],
    [Object.assign(new Error(), { code: 2 }), undefined],
    [new Error(), undefined],
    [{ code: "ENOENT" }, undefined],
    [undefined, undefined],
  ] as const) {
    test(`of ${JSON.stringify(value)} is ${code}`, () => {
      expect(errorCode(value)).toBe(code as string);
    });
  }
});
