import { describe, expect, test } from "bun:test";
import {
  chownSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import type { Log } from "../../src/log.ts";
import { StatusFile } from "../../src/status/status-file.ts";
import { loadShim } from "../../src/sys/shim.ts";
import { rootTest } from "../helpers/root.ts";
import { makeFifo, makeNullDevice } from "../helpers/special-files.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const { linkFile } = loadShim();

/** A status file, and what it logs. */
function statusFile(path: string) {
  const errors: string[] = [];
  const none = () => {};
  const log: Log = { info: none, warn: none, error: (message) => void errors.push(message) };
  return { file: new StatusFile(path, log, linkFile), errors };
}

/** More than a FIFO holds. */
const LONG = "x".repeat(1 << 20);

describe("StatusFile", () => {
  test("replaces the file as a whole, and follows links to it", async () => {
    using folder = temporaryFolder();
    symlinkSync("inner/link", folder.at("link"));
    mkdirSync(folder.at("inner"));
    symlinkSync("real", folder.at("inner", "link"));
    const { file, errors } = statusFile(folder.at("link"));
    for (const text of ["one\n", LONG, "three\n"]) {
      await file.write(text);
      expect(readFileSync(folder.at("inner", "real"), "utf8")).toBe(text);
    }
    expect(readdirSync(folder.path).sort()).toEqual(["inner", "link"]);
    expect(readdirSync(folder.at("inner")).sort()).toEqual(["link", "real"]);
    expect(statSync(folder.at("link")).mode & 0o777).toBe(0o644);
    expect(errors).toEqual([]);
  });

  rootTest("replaces a file of another user, who keeps it", async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("file"), "old");
    chownSync(folder.at("file"), 1234, 4321);
    const { file, errors } = statusFile(folder.at("file"));
    await file.write("new");
    expect(readFileSync(folder.at("file"), "utf8")).toBe("new");
    expect(statSync(folder.at("file"))).toMatchObject({ uid: 1234, gid: 4321 });
    expect(errors).toEqual([]);
  });

  rootTest("writes into a device", async () => {
    using folder = temporaryFolder();
    makeNullDevice(folder.at("null"));
    const { file, errors } = statusFile(folder.at("null"));
    await file.write(LONG);
    expect(lstatSync(folder.at("null")).isCharacterDevice()).toBe(true);
    expect(readdirSync(folder.path)).toEqual(["null"]);
    expect(errors).toEqual([]);
  });

  test("does not wait for a reader of a FIFO, or for one that does not read, and says nothing of it", async () => {
    using folder = temporaryFolder();
    makeFifo(folder.at("fifo"));
    const { file, errors } = statusFile(folder.at("fifo"));
    await file.write("nobody reads\n");
    const reader = openSync(folder.at("fifo"), constants.O_RDONLY | constants.O_NONBLOCK);
    await file.write("read\n");
    const buffer = Buffer.alloc(100);
    expect(buffer.toString("utf8", 0, readSync(reader, buffer))).toBe("read\n");
    for (let round = 0; round < 3; round++) await file.write(LONG);
    closeSync(reader);
    await file.write("nobody reads any more\n");
    expect(errors).toEqual([]);
    expect(lstatSync(folder.at("fifo")).isFIFO()).toBe(true);
  });

  test("adds to a regular file that is open, such as a log on stdout, and empties nothing", async () => {
    using folder = temporaryFolder();
    const log = openSync(folder.at("log"), "w");
    try {
      const { file, errors } = statusFile(`/dev/fd/${log}`);
      writeSync(log, "first line\n");
      await file.write("one\n");
      writeSync(log, "second line\n");
      await file.write(LONG);
      await file.write("\ntwo\n");
      expect(readFileSync(folder.at("log"), "utf8")).toBe(`first line\none\nsecond line\n${LONG}\ntwo\n`);
      expect(errors).toEqual([]);
    } finally {
      closeSync(log);
    }
  });

  test("tells once with the cure that a folder is in its place, and works when that is gone", async () => {
    using folder = temporaryFolder();
    const path = folder.at("status");
    mkdirSync(path);
    const { file, errors } = statusFile(path);
    for (let round = 0; round < 3; round++) await file.write("text");
    const error = `Cannot write to ${path}: EISDIR: it is a folder: name a file in it (${path}/list)`;
    expect(errors).toEqual([error]);
    rmdirSync(path);
    await file.write("text");
    expect(readFileSync(path, "utf8")).toBe("text");
    expect(errors).toEqual([error]);
  });
});
