import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { Appender } from "../../src/record/appender.ts";
import { errorCode } from "../../src/sys/errno.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

describe("Appender", () => {
  test("append() resolves when the lines are in the file", async () => {
    using folder = temporaryFolder();
    const appender = new Appender(await open(folder.at("list"), "wx"));
    await appender.append("/a\n/b\n");
    expect(readFileSync(folder.at("list"), "latin1")).toBe("/a\n/b\n");
    await appender.append("/c\n");
    expect(readFileSync(folder.at("list"), "latin1")).toBe("/a\n/b\n/c\n");
    await appender.finish();
  });

  test("append() keeps the order of calls that are not waited for", async () => {
    using folder = temporaryFolder();
    const appender = new Appender(await open(folder.at("list"), "wx"));
    const lines = Array.from({ length: 500 }, (_, index) => `/file/${index}\n`);
    for (const line of lines) void appender.append(line);
    await appender.finish();
    expect(readFileSync(folder.at("list"), "latin1")).toBe(lines.join(""));
    expect(appender.error).toBeUndefined();
  });

  test("append() writes bytes, not UTF-8", async () => {
    using folder = temporaryFolder();
    const appender = new Appender(await open(folder.at("list"), "wx"));
    void appender.append("/\xff\xc3\n");
    await appender.finish();
    expect(readFileSync(folder.at("list"))).toEqual(Buffer.from("2fffc30a", "hex"));
  });

  rootTest("append() leaves whole lines on a full disk, and writes nothing more", async () => {
    const root = { kind: "mount", fsType: "tmpfs", options: ["size=64k"] } as const;
    await using container = await heldContainer({ root });
    const appender = new Appender(await open(container.at("/list"), "wx"));
    const portions = Array.from({ length: 50 }, (_, portion) =>
      Array.from({ length: 100 }, (__, index) => `/some/where/${portion}/file-${index}\n`).join(""),
    );
    for (const portion of portions) void appender.append(portion);
    await appender.append("/last\n");
    expect(errorCode(appender.error)).toBe("ENOSPC");
    const written = readFileSync(container.at("/list"), "latin1");
    expect(written.length).toBeGreaterThan(32_000);
    expect(written).toEndWith("/file-99\n");
    expect(portions.join("")).toStartWith(written);
    await appender.append("/later\n");
    await appender.finish();
    expect(readFileSync(container.at("/list"), "latin1")).toBe(written);
  });

  test("finish() tells an error of the file, and never rejects", async () => {
    using folder = temporaryFolder();
    const file = await open(folder.at("list"), "wx");
    await file.close();
    const appender = new Appender(file);
    await appender.append("/a\n");
    await appender.finish();
    expect(appender.error).toBeInstanceOf(Error);
  });
});
