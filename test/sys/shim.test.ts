import { describe, expect, test } from "bun:test";
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadShim } from "../../src/sys/shim.ts";
import { runToEnd } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const loader = join(import.meta.dir, "load-shim.ts");
/** Makes TMPDIR a folder where no program may run, and forgets the environment but for it. */
const NOEXEC = 'mount -t tmpfs -o noexec none "$1"; exec env -i TMPDIR="$1" "$2" "$3"';

describe("loadShim()", () => {
  rootTest(
    "needs neither an environment nor a folder that programs may run in, and leaves no file",
    async () => {
      using folder = temporaryFolder();
      mkdirSync(folder.at("tmp"));
      const command = ["unshare", "--mount", "--", "sh", "-c", NOEXEC, "sh", folder.at("tmp")];
      expect(await runToEnd([...command, process.execPath, loader])).toEqual({
        stdout: "[]\n",
        stderr: "",
        exitCode: 0,
      });
    },
  );
});

describe("Shim", () => {
  test("raiseOpenFileLimit() raises the soft limit to the hard one", async () => {
    const script = `ulimit -Sn 64; exec "$0" "$1" limit`;
    const { stdout } = await runToEnd(["sh", "-c", script, process.execPath, loader]);
    const hard = Bun.spawnSync(["sh", "-c", "ulimit -Hn"]).stdout.toString().trim();
    expect(stdout.trim()).toBe(hard === "unlimited" ? "2147483647" : hard);
  });

  test("readXattr() finds none where there is none", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("file"), "");
    const { readXattr } = loadShim();
    expect(readXattr(folder.at("file"), "trusted.overlay.opaque")).toBeUndefined();
    expect(readXattr(folder.at("nothing"), "trusted.overlay.opaque")).toBeUndefined();
    expect(readXattr("/\xff", "trusted.overlay.opaque")).toBeUndefined();
  });

  test("setCloseOnExec() refuses what is no descriptor", () => {
    expect(() => loadShim().setCloseOnExec(99_999)).toThrow(
      "Cannot set FD_CLOEXEC on descriptor 99999: EBADF",
    );
  });

  test("linkFile() gives an open file one more name, and replaces none", () => {
    using folder = temporaryFolder();
    const { linkFile } = loadShim();
    writeFileSync(folder.at("file"), "text");
    const fd = openSync(folder.at("file"), "r");
    linkFile(fd, folder.at("café"));
    expect(readFileSync(folder.at("café"), "utf8")).toBe("text");
    expect(() => linkFile(fd, folder.at("café"))).toThrow("EEXIST");
    expect(() => linkFile(fd, folder.at("none", "x"))).toThrow("ENOENT");
    closeSync(fd);
  });

  test("sendDatagram() tells whether anybody takes it, and never waits", () => {
    using folder = temporaryFolder();
    const { sendDatagram } = loadShim();
    const line = Buffer.from("a line");
    expect(sendDatagram(folder.at("log"), line)).toBe(false);
    expect(sendDatagram(folder.at("l".repeat(200)), line)).toBe(false);
  });

  rootTest("start() gives a stream that ends with stop()", () => {
    const tracer = loadShim().start();
    expect(tracer.streamFd).toBeGreaterThan(2);
    expect(tracer.repeats()).toBe(0);
    tracer.stop();
  });
});
