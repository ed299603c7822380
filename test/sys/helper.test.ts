import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { runHelper } from "../../src/sys/helper.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const never = new AbortController().signal;

/** What a shell command says when it fails. */
async function said(words: string): Promise<string> {
  const error = await runHelper(["/bin/sh", "-c", `exec >&2; ${words}; exit 1`], never).catch(
    (reason) => reason,
  );
  return error instanceof Error ? error.message : "nothing";
}

describe("runHelper()", () => {
  test("resolves when the command succeeds", async () => {
    expect(await runHelper(["true"], never)).toBeUndefined();
  });

  test("rejects with what the command said, or with how it ended", async () => {
    expect(await said("echo optimizer: no space")).toBe("optimizer: no space");
    await expect(runHelper(["false"], never)).rejects.toThrow("false ended with exit code 1");
    await expect(runHelper(["/none"], never)).rejects.toThrow("ENOENT");
  });

  test("is ended by its signal", async () => {
    const stop = new AbortController();
    const ended = runHelper(["sleep", "1000"], stop.signal);
    stop.abort();
    await expect(ended).rejects.toThrow("sleep ended with SIGTERM");
  });

  test("gives no input, no open file and nothing that makes a plugin", async () => {
    using folder = temporaryFolder();
    const server = createServer().listen(folder.at("socket"));
    process.env["NRI_PLUGIN_SOCKET"] = "3";
    try {
      expect(await said("env")).not.toContain("NRI_PLUGIN");
      const descriptors = (await said("ls /proc/$$/fd; readlink /proc/$$/fd/0")).split("\n");
      expect(descriptors).toEqual(["0", "1", "2", "/dev/null"]);
    } finally {
      delete process.env["NRI_PLUGIN_SOCKET"];
      server.close();
    }
  });
});
