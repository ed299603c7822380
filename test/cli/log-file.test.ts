import { describe, expect, test } from "bun:test";
import {
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { LogFile, LogFileError } from "../../src/cli/log-file.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const write = (file: LogFile, text: string): Promise<number> => file.write(Buffer.from(text));

describe("LogFile", () => {
  test("makes the file, for root and its group alone, and appends to one that is there", async () => {
    using folder = temporaryFolder();
    const path = folder.at("log");
    for (const text of ["a\n", "b\n"]) {
      const file = new LogFile(path);
      expect(await write(file, text)).toBe(2);
      await file.close();
    }
    expect(readFileSync(path, "utf8")).toBe("a\nb\n");
    expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  for (const [what, away] of [
    ["renamed", (path: string) => renameSync(path, `${path}.1`)],
    ["removed", (path: string) => unlinkSync(path)],
    [
      "replaced",
      (path: string) => {
        renameSync(path, `${path}.1`);
        writeFileSync(path, "");
      },
    ],
  ] as const) {
    test(`follows the name of a file that was ${what}: at once when told, else within a second`, async () => {
      using folder = temporaryFolder();
      const path = folder.at("log");
      const file = new LogFile(path);
      await write(file, "a\n");
      away(path);
      file.reopen();
      await write(file, "b\n");
      expect(readFileSync(path, "utf8")).toBe("b\n");
      renameSync(path, `${path}.2`);
      const sinceMs = performance.now();
      let found = "";
      while (found === "") {
        await write(file, "c\n");
        found = await Bun.file(path)
          .text()
          .catch(() => "");
      }
      expect(found).toBe("c\n");
      expect(performance.now() - sinceMs).toBeLessThan(3000);
      await file.close();
    });
  }

  for (const [what, plant, why] of [
    ["in a folder that is not there", () => {}, "ENOENT"],
    ["that is a link", (path: string) => symlinkSync("/dev/null", path), "ELOOP"],
    ["that is a FIFO", (path: string) => Bun.spawnSync(["mkfifo", path]), "ENXIO"],
    ["that is a folder", (path: string) => mkdirSync(path), "EISDIR"],
  ] as const) {
    test(`refuses a file ${what}, and takes it once that has changed`, async () => {
      using folder = temporaryFolder();
      const path = why === "ENOENT" ? folder.at("none", "log") : folder.at("log");
      plant(path);
      const file = new LogFile(path);
      for (let round = 0; round < 3; round++) {
        const error = await write(file, "a\n").catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(LogFileError);
        expect(String(error)).toContain(`Cannot open the log file ${path}: ${why}`);
      }
      if (why === "ENOENT") mkdirSync(folder.at("none"));
      else renameSync(path, `${path}.away`);
      file.reopen();
      await write(file, "b\n");
      expect(readFileSync(path, "utf8")).toBe("b\n");
      await file.close();
    });
  }
});
