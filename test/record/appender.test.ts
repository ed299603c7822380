import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { Appender } from "../../src/record/appender.ts";
import { errorCode } from "../../src/sys/errno.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const text = (path: string): string => readFileSync(path, "latin1");

describe("Appender", () => {
  test("append() resolves when the lines are in the file, which is open no more", async () => {
    using folder = temporaryFolder();
    const list = folder.at("list");
    const descriptors = readdirSync("/proc/self/fd").length;
    const appender = await Appender.create(list);
    expect(text(list)).toBe("");
    await appender.append(list, "/a\n/b\n");
    expect(text(list)).toBe("/a\n/b\n");
    await appender.append(list, "/c\n");
    expect(text(list)).toBe("/a\n/b\n/c\n");
    await appender.sync(list);
    expect(readdirSync("/proc/self/fd").length).toBe(descriptors);
  });

  test("append() writes bytes, not UTF-8", async () => {
    using folder = temporaryFolder();
    const appender = await Appender.create(folder.at("list"));
    await appender.append(folder.at("list"), "/\xff\xc3\n");
    expect(readFileSync(folder.at("list"))).toEqual(Buffer.from("2fffc30a", "hex"));
  });

  test("append() goes on where the file was renamed to", async () => {
    using folder = temporaryFolder();
    const appender = await Appender.create(folder.at("temporary"));
    await appender.append(folder.at("temporary"), "/a\n");
    renameSync(folder.at("temporary"), folder.at("list"));
    await appender.append(folder.at("list"), "/b\n");
    expect(text(folder.at("list"))).toBe("/a\n/b\n");
    expect(await appender.isAt(folder.at("list"))).toBe(true);
    expect(await appender.isAt(folder.at("temporary"))).toBe(false);
  });

  test("touches no file that somebody else has put at its name", async () => {
    using folder = temporaryFolder();
    const list = folder.at("list");
    const appender = await Appender.create(list);
    writeFileSync(folder.at("other"), "/theirs\n");
    renameSync(folder.at("other"), list);
    expect(await appender.isAt(list)).toBe(false);
    for (const act of [() => appender.append(list, "/a\n"), () => appender.sync(list)]) {
      expect(await act().catch(errorCode)).toBe("replaced by another recorder");
    }
    expect(text(list)).toBe("/theirs\n");
  });

  test("touches no file that somebody else has shortened", async () => {
    using folder = temporaryFolder();
    const list = folder.at("list");
    const appender = await Appender.create(list);
    await appender.append(list, "/a\n");
    writeFileSync(list, "");
    expect(await appender.append(list, "/b\n").catch(errorCode)).toBe("replaced by another recorder");
    expect(text(list)).toBe("");
  });

  // ext4 gives a free inode to the next file that is made.
  test("tells its file from one that has got its inode", async () => {
    using folder = temporaryFolder();
    const list = folder.at("list");
    const appender = await Appender.create(list);
    expect(await appender.isAt(list)).toBe(true);
    unlinkSync(list);
    writeFileSync(list, "");
    expect(await appender.isAt(list)).toBe(false);
    expect(await appender.append(list, "/a\n").catch(errorCode)).toBe("replaced by another recorder");
  });

  test("follows no link", async () => {
    using folder = temporaryFolder();
    const appender = await Appender.create(folder.at("list"));
    symlinkSync(folder.at("list"), folder.at("link"));
    expect(await appender.append(folder.at("link"), "/a\n").catch(errorCode)).toBe("ELOOP");
  });

  rootTest("append() leaves whole lines on a full disk", async () => {
    const root = { kind: "mount", fsType: "tmpfs", options: ["size=64k"] } as const;
    await using container = await heldContainer({ root });
    const list = container.at("/list");
    const appender = await Appender.create(list);
    const portions = Array.from({ length: 50 }, (_, portion) =>
      Array.from({ length: 100 }, (__, index) => `/some/where/${portion}/file-${index}\n`).join(""),
    );
    let failed: unknown;
    for (const portion of portions) await appender.append(list, portion).catch((error) => (failed ??= error));
    expect(errorCode(failed)).toBe("ENOSPC");
    const written = text(list);
    expect(written.length).toBeGreaterThan(32_000);
    expect(written).toEndWith("/file-99\n");
    expect(portions.join("")).toStartWith(written);
  });
});
