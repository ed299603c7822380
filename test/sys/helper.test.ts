import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { runHelper } from "../../src/sys/helper.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const never = new AbortController().signal;

/** The last line that a shell command says; no exit code is a good one. */
async function said(words: string): Promise<string> {
  const error = await runHelper(["/bin/sh", "-c", words], never, { good: [] }).catch((reason) => reason);
  return error instanceof Error ? error.message : "nothing";
}

describe("runHelper()", () => {
  test("resolves when the exit code is a good one", async () => {
    expect(await runHelper(["true"], never)).toBeUndefined();
    expect(await runHelper(["sh", "-c", "exit 3"], never, { good: [0, 3] })).toBeUndefined();
  });

  test("rejects with what the command said, or with how it ended", async () => {
    expect(await said("echo a may have holes >&2; echo optimizer: no space >&2")).toBe("optimizer: no space");
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
      expect(await said("env | grep NRI_PLUGIN >&2")).toBe("/bin/sh ended with exit code 1");
      expect(await said("exec ls -x /proc/self/fd >&2")).toMatch(/^0 +1 +2 +3$/); // 3 is the folder itself
      expect(await said("exec readlink /proc/self/fd/0 >&2")).toBe("/dev/null");
    } finally {
      delete process.env["NRI_PLUGIN_SOCKET"];
      server.close();
    }
  });

  test("lets everybody else go first", async () => {
    expect(await said("until [ $(nice) = 19 ]; do :; done; nice >&2")).toBe("19");
  });
});
