import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Containerd } from "../../scripts/rig/containerd.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { childrenOf } from "../../scripts/rig/processes.ts";
import { waitFor } from "../../scripts/rig/wait.ts";

/** Processes that only call themselves containerd, or the plugin: none is executed, and nothing that they name is read. */

const packages = await fetchPackages(console.error);
const PROGRAM = join(ROOT, "dist/optimizer");
// Whoever is nobody cannot enter the folder of a run.
const folder = mkdtempSync("/tmp/strangers-");
chmodSync(folder, 0o755);
afterAll(() => rmSync(folder, { recursive: true }));
const TRAP = join(folder, "trap.toml");

interface Stranger extends AsyncDisposable {
  readonly pid: number;
  /** The folder of its program. */
  readonly folder: string;
}

/** `before` gives it its user and namespaces. */
async function stranger(
  title: string,
  name: string,
  before: readonly string[],
  words: readonly string[],
  mode = 0o755,
): Promise<Stranger> {
  const own = join(folder, title);
  mkdirSync(own, { recursive: true });
  chmodSync(own, 0o777);
  const program = join(own, name);
  const made = Bun.spawnSync([
    "cc",
    "-O1",
    "-Wall",
    "-static",
    "-o",
    program,
    join(ROOT, "test/helpers/stranger.c"),
  ]);
  expect(made.stderr.toString()).toBe("");
  chmodSync(program, mode);
  const child = Bun.spawn([...before, program, "--stay", ...words], { stdio: ["ignore", "pipe", "ignore"] });
  const reader = child.stdout.getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("ready\n");
  const pid = [child.pid, ...descendantsOf(child.pid)].at(-1) ?? 0;
  expect(readFileSync(`/proc/${pid}/comm`, "utf8")).toBe(`${name}\n`);
  return {
    pid,
    folder: own,
    async [Symbol.asyncDispose]() {
      process.kill(pid, "SIGKILL");
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const container = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"];

/** Runs the program under strace; resolves with what it said and with each path that it opened, executed or connected to. */
function watched(...words: string[]): Promise<Watched> {
  return watchedFrom([], ...words);
}

interface Watched {
  readonly text: string;
  readonly log: string;
}

/** The same where `before` starts it. */
async function watchedFrom(before: readonly string[], ...words: string[]): Promise<Watched> {
  const log = join(folder, "strace.log");
  const { folder: strace } = packages.strace;
  const child = Bun.spawn(
    [
      ...before,
      join(strace, "lib64/ld-linux-x86-64.so.2"),
      ...["--library-path", join(strace, "usr/lib/x86_64-linux-gnu"), join(strace, "usr/bin/strace")],
      ...["-f", "-qq", "-s", "4096", "-e", "trace=execve,execveat,open,openat,openat2,connect", "-o", log],
      ...[PROGRAM, ...words],
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  const texts = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return { text: texts.join(""), log: readFileSync(log, "latin1") };
}

/** The programs that were executed, without what strace starts. */
function executed(log: string): string[] {
  return [...log.matchAll(/execve(?:at)?\((?:[^"]*)"([^"]*)"/g)].map(([, path = ""]) => path).slice(1);
}

beforeAll(() => {
  writeFileSync(TRAP, "[plugins]\n");
});

describe("optimizer doctor among strangers", () => {
  test("executes nothing but itself, and reads nothing that another user's containerd names", async () => {
    await using one = await stranger("user", "containerd", [...nobody, ...container], ["--config", TRAP]);
    await using other = await stranger("crio", "crio", nobody, ["--config", TRAP]);
    await using plugin = await stranger("plugin", "optimizer", nobody, ["plugin"]);
    await using setuid = await stranger("setuid", "containerd", nobody, ["--config", TRAP], 0o4755);
    const { text, log } = await watched("doctor");
    for (const each of [setuid, one, other, plugin]) {
      expect(existsSync(join(each.folder, "executed"))).toBe(false);
      expect(text).not.toContain(`pid ${each.pid}`);
      expect(log).not.toContain(each.folder);
      expect(log).not.toContain(`/proc/${each.pid}/exe"`);
    }
    expect(executed(log).filter((path) => path !== PROGRAM)).toEqual([]);
    expect(log).not.toContain(TRAP);
    expect(text).toContain("no containerd or CRI-O among the processes");
  });

  test("takes root's containerd with other mounts for one that cannot be seen from here", async () => {
    await using one = await stranger("container", "containerd", ["unshare", "--mount"], ["--config", TRAP]);
    // On the host it is a container's, and none of ours; in a pod it may be the host's.
    expect((await watched("doctor")).text).not.toContain(`pid ${one.pid}`);
    const { text, log } = await watchedFrom(["unshare", "--mount"], "doctor");
    expect(text).toContain(`pid ${one.pid}: its version cannot be told; NRI needs 1.7\n`);
    expect(text).toContain(
      "NRI           containerd has other mounts than we do: its configuration cannot be seen from here\n",
    );
    expect(text).not.toContain("off by default");
    // Nothing is proposed that would write to a file of another mount namespace.
    expect(text).not.toMatch(/^ {4}.*containerd/m);
    expect(executed(log).filter((path) => path !== PROGRAM)).toEqual([]);
    expect(log).not.toContain(TRAP);
    expect(log).not.toContain(`/proc/${one.pid}/exe"`);
  });

  test("tells of a real containerd what its plugin was told, beside a stranger", async () => {
    await using _stranger = await stranger(
      "beside",
      "containerd",
      [...nobody, ...container],
      ["--config", TRAP],
    );
    await using containerd = await Containerd.start({ version: "2.1", packages, nri: {} });
    const runDir = join(folder, "run");
    const words = ["--run-dir", runDir, "--persist-dir", join(folder, "lists"), "--config", "/dev/null"];
    const plugin = Bun.spawn([PROGRAM, "plugin", "--socket-path", containerd.paths.nriSocket, ...words], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    const ask = () => Bun.spawnSync([PROGRAM, "status", "--run-dir", runDir]);
    await waitFor(() => ask().exitCode === 0, {
      what: "the plugin to be connected",
      explain: () => ask().stdout.toString(),
    });
    const here = await watched("doctor", "--run-dir", runDir);
    expect(here.text).toMatch(
      new RegExp(`^good {3}containerd {4}2\\.1\\.9\\S* \\(.*, pid ${containerd.pid}\\)$`, "m"),
    );
    expect(here.text).toContain(
      `good   running       pid ${plugin.pid}, started by itself, connected to containerd 2.1.9`,
    );
    expect(executed(here.log).filter((path) => path !== PROGRAM)).toEqual([]);

    // As in a pod: the same, from where containerd's configuration cannot be seen.
    const inside = Bun.spawnSync(["unshare", "--mount", PROGRAM, "doctor", "--run-dir", runDir]);
    const text = inside.stdout.toString();
    expect(text).toMatch(
      new RegExp(`^good {3}containerd {4}2\\.1\\.9\\S* \\(.*, pid ${containerd.pid}\\)$`, "m"),
    );
    expect(text).toContain("good   NRI           on: a plugin is connected\n");
    expect(text).toContain(
      `good   running       pid ${plugin.pid}, started by itself, connected to containerd 2.1.9`,
    );

    // A plugin that runs and is not connected is not well.
    await containerd.kill();
    await waitFor(() => ask().exitCode === 1, { what: "the plugin to be disconnected", explain: () => "" });
    const after = await watched("doctor", "--run-dir", runDir);
    expect(after.text).toMatch(
      new RegExp(
        `^WRONG {2}running {7}pid ${plugin.pid}, started by itself: not connected to a runtime: `,
        "m",
      ),
    );
    plugin.kill("SIGTERM");
    expect(await plugin.exited).toBe(0);
  });
});

describe("optimizer status", () => {
  test("takes 60 ms in the median of 50, executes nothing and opens no file of others", async () => {
    await using containerd = await Containerd.start({ version: "2.1", packages, nri: {} });
    const runDir = join(folder, "run-50");
    const words = ["--run-dir", runDir, "--persist-dir", join(folder, "lists"), "--config", "/dev/null"];
    const plugin = Bun.spawn([PROGRAM, "plugin", "--socket-path", containerd.paths.nriSocket, ...words], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    const command = [PROGRAM, "status", "--run-dir", runDir];
    const ask = () => Bun.spawnSync(command);
    await waitFor(() => ask().exitCode === 0, {
      what: "the plugin to be connected",
      explain: () => ask().stdout.toString(),
    });
    const timesMs = Array.from({ length: 50 }, () => {
      const sinceMs = performance.now();
      const { exitCode, stdout } = ask();
      expect({ exitCode, text: stdout.toString() }).toMatchObject({ exitCode: 0 });
      return performance.now() - sinceMs;
    }).sort((a, b) => a - b);
    const startsMs = Array.from({ length: 50 }, () => {
      const sinceMs = performance.now();
      Bun.spawnSync([PROGRAM, "--version"]);
      return performance.now() - sinceMs;
    }).sort((a, b) => a - b);
    console.error(
      `optimizer status: median ${timesMs[25]?.toFixed(1)} ms of 50; --version: ${startsMs[25]?.toFixed(1)} ms`,
    );
    const { log } = await watched("status", "--run-dir", runDir);
    expect(executed(log)).toEqual([]);
    const connects = [...log.matchAll(/connect\(\d+, \{sa_family=AF_UNIX, sun_path="([^"]*)"/g)].map(
      ([, path]) => path,
    );
    expect(connects).toEqual([expect.stringMatching(new RegExp(`^${runDir}/${plugin.pid}-\\d+\\.sock$`))]);
    plugin.kill("SIGTERM");
    expect(await plugin.exited).toBe(0);
  });
});
