import { describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { childrenOf } from "../../scripts/rig/processes.ts";
import { FakeRuntime } from "../helpers/fake-runtime.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { type FakeContainer, fakeContainer } from "../helpers/nri-messages.ts";
import {
  commandLine,
  connect,
  connectFrom,
  type Ended,
  preLaunch,
  runProgram,
  runToEnd,
} from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

/** What was wrong a second ago has to be told. */
const SECOND_MS = 1000;
const overlay = { kind: "overlay", layers: [{ "/a": "a", "/b": "bb" }] } as const;

const flags = (folder: TemporaryFolder): string[] => [
  "--run-dir",
  folder.at("run"),
  "--persist-dir",
  folder.at("lists"),
];

function ask(folder: TemporaryFolder, ...words: readonly string[]): Promise<Ended> {
  return runProgram("status", "--run-dir", folder.at("run"), ...words);
}

/** What the doctor says of plugins that run, from where `before` starts it. */
async function diagnose(folder: TemporaryFolder, before: readonly string[] = []): Promise<string> {
  const words = ["doctor", "--run-dir", folder.at("run"), "--config", "/dev/null"];
  const { stdout } = await runToEnd(commandLine(words, before), { PATH: process.env["PATH"] ?? "" });
  return stdout.slice(stdout.search(/^\w+ +runtime|^\w+ +(?:containerd|cri-o)/m));
}

/** Asks until the answer is as it has to be, and tells how long after `sinceMs` the last question was asked. */
async function askUntil(
  folder: TemporaryFolder,
  isWanted: (answer: Ended) => boolean,
): Promise<{ readonly answer: Ended; readonly askedAfterMs: number }> {
  const sinceMs = performance.now();
  for (;;) {
    const askedAfterMs = performance.now() - sinceMs;
    const answer = await ask(folder);
    if (isWanted(answer) || askedAfterMs > 30_000) return { answer, askedAfterMs };
  }
}

function web(id: string, pid: number, image = "nginx:latest"): FakeContainer {
  const annotations = { "io.kubernetes.cri.image-name": `docker.io/library/${image}` };
  return fakeContainer(id, { pid, annotations });
}

describe("optimizer status", () => {
  rootTest("tells of a plugin that is well, with its last trace, and exits with 0", async () => {
    using folder = temporaryFolder();
    await using container = await heldContainer({ root: overlay });
    await using plugin = await preLaunch();
    const settings = `persist_dir = "${folder.at("lists")}"\nrun_dir = "${folder.at("run")}"\n`;
    await plugin.runtime.handshake(settings);
    await plugin.runtime.event("StartContainer", web("c1", container.pid));
    await container.tell("open", "/b", "/a");
    await plugin.runtime.event("StopContainer", web("c1", container.pid));
    const { stdout, stderr, exitCode } = await ask(folder);
    expect(stdout).toMatch(
      new RegExp(
        `^ok    plugin       optimizer \\S+, pid ${plugin.pid}, 02-optimizer \\(pre-launched\\)
ok    connection   to containerd 2.1.9, since \\S+
ok    answers      1 to StartContainer, \\d slow, \\d+\\.\\d ms at worst
ok    results      can be written to ${folder.at("lists")}
ok    traces       0 running, 1 begun, 0 incomplete; the last one: nginx:latest, 2 files, complete, \\S+
$`,
      ),
    );
    expect(stderr).toBe("");
    expect(exitCode).toBe(0);
    const json = JSON.parse((await ask(folder, "--json")).stdout);
    expect(json).toMatchObject({
      version: 1,
      healthy: true,
      problems: [],
      plugins: [
        {
          pid: plugin.pid,
          answer: "answered",
          status: {
            healthy: true,
            problems: [],
            plugin: { idx: "02", name: "optimizer", launch: "pre-launched" },
            persistDir: folder.at("lists"),
            connection: {
              connected: true,
              runtime: { name: "containerd", version: "2.1.9", pid: process.pid },
            },
            tracing: {
              traced: 1,
              lastTrace: { name: "nginx:latest", files: 2, complete: true, reason: "container stopped" },
              failuresInARow: { count: 0 },
            },
          },
        },
      ],
    });
    plugin.runtime.close();
    await plugin.exited;
    expect(readdirSync(folder.at("run"))).toEqual([]);
    const after = await ask(folder);
    expect(after.stdout).toStartWith(
      `FAIL  plugin       no plugin runs that could be asked in ${folder.at("run")}: `,
    );
    expect(after.exitCode).toBe(1);
  });

  rootTest("tells within a second of a connection that was lost, and of the next one", async () => {
    using folder = temporaryFolder();
    await using plugin = await (async () => {
      await using runtime = await FakeRuntime.listen();
      const its = await connect(runtime, ...flags(folder));
      await its.runtime.handshake();
      expect(await ask(folder)).toMatchObject({ exitCode: 0 });
      return its;
    })();
    const { answer, askedAfterMs } = await askUntil(folder, ({ exitCode }) => exitCode === 1);
    expect(askedAfterMs).toBeLessThan(SECOND_MS);
    expect(answer.stdout).toMatch(
      /^FAIL {2}connection {3}not connected to a runtime: the (?:runtime closed the )?connection/m,
    );
    // The runtime has taken its socket with it.
    const later = await askUntil(folder, ({ stdout }) => stdout.includes("ENOENT"));
    expect(later.answer.stdout).toContain("in a pod mount the folder of the socket");
    plugin.kill("SIGTERM");
    expect(await plugin.exited).toBe(0);
  });

  rootTest("tells of a socket that nobody listens at any more", async () => {
    using folder = temporaryFolder();
    using server = Bun.listen({ unix: folder.at("nri.sock"), socket: { data() {} } });
    // What a pod has that has mounted the socket itself, when the runtime was started again.
    Bun.spawnSync(["ln", folder.at("nri.sock"), folder.at("stale.sock")]);
    server.stop(true);
    const words = [
      "plugin",
      "--socket-path",
      folder.at("stale.sock"),
      "--config",
      "/dev/null",
      ...flags(folder),
    ];
    await using child = Bun.spawn(commandLine(words), { env: {}, stdio: ["ignore", "ignore", "ignore"] });
    const { answer } = await askUntil(folder, ({ stdout }) => stdout.includes("ECONNREFUSED"));
    expect(answer.stdout).toContain(
      "since a mount of the socket itself stays that of a runtime that has ended",
    );
    expect(answer.exitCode).toBe(1);
    expect(await diagnose(folder)).toMatch(
      new RegExp(
        `^WRONG  running       pid ${child.pid}, started by itself: not connected to a runtime: .*ECONNREFUSED`,
        "m",
      ),
    );
    child.kill("SIGTERM");
    await child.exited;
  });

  rootTest("tells within a second of a folder of results that has turned read-only", async () => {
    using folder = temporaryFolder();
    await using container = await heldContainer({ root: overlay });
    await using runtime = await FakeRuntime.listen();
    await using plugin = await connectFrom(["unshare", "--mount"], runtime, ...flags(folder));
    await plugin.runtime.handshake();
    expect(await ask(folder)).toMatchObject({ exitCode: 0 });
    const inside = (...command: readonly string[]): void => {
      const words = ["nsenter", "-t", `${plugin.pid}`, "-m", ...command];
      expect(Bun.spawnSync(words).exitCode).toBe(0);
    };
    inside("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder.at("lists"));
    const { answer, askedAfterMs } = await askUntil(folder, ({ exitCode }) => exitCode === 1);
    expect(askedAfterMs).toBeLessThan(SECOND_MS);
    expect(answer.stdout).toContain(
      `FAIL  results      no result can be written to ${folder.at("lists")}: EROFS\n` +
        "                   mount it writable (in a pod: a hostPath volume of type DirectoryOrCreate), or set persist_dir to another folder\n",
    );
    inside("umount", folder.at("lists"));
    expect((await askUntil(folder, ({ exitCode }) => exitCode === 0)).answer.exitCode).toBe(0);
    await plugin.runtime.event("StartContainer", web("c1", container.pid));
    await container.tell("open", "/a");
    await plugin.runtime.event("StopContainer", web("c1", container.pid));
    expect(readFileSync(folder.at("lists/nginx:latest"), "utf8")).toBe("/a\n");
  });

  rootTest("tells within a second of a plugin that is stopped", async () => {
    using folder = temporaryFolder();
    await using runtime = await FakeRuntime.listen();
    await using plugin = await connect(runtime, ...flags(folder));
    await plugin.runtime.handshake();
    process.kill(plugin.pid, "SIGSTOP");
    const { answer, askedAfterMs } = await askUntil(folder, ({ exitCode }) => exitCode === 1);
    expect(askedAfterMs).toBeLessThan(SECOND_MS);
    expect(answer.stdout).toBe(
      `FAIL  plugin       pid ${plugin.pid} does not answer within 500 ms: it is stopped, or hangs\n`,
    );
    process.kill(plugin.pid, "SIGCONT");
    expect((await askUntil(folder, ({ exitCode }) => exitCode === 0)).answer.exitCode).toBe(0);
  });

  rootTest("tells of a plugin that was killed, and the next one sweeps up its socket", async () => {
    using folder = temporaryFolder();
    await using runtime = await FakeRuntime.listen();
    const killed = await connect(runtime, ...flags(folder));
    await killed.runtime.handshake();
    await killed[Symbol.asyncDispose]();
    expect(readdirSync(folder.at("run"))).toEqual([
      expect.stringMatching(new RegExp(`^${killed.pid}-\\d+\\.sock$`)),
    ]);
    expect(await ask(folder)).toMatchObject({
      stdout: `FAIL  plugin       pid ${killed.pid} is gone without having ended: it was killed\n`,
      exitCode: 1,
    });
    await using next = await connect(runtime, ...flags(folder));
    await next.runtime.handshake();
    expect(readdirSync(folder.at("run"))).toEqual([
      expect.stringMatching(new RegExp(`^${next.pid}-\\d+\\.sock$`)),
    ]);
    expect(await ask(folder)).toMatchObject({ exitCode: 0 });
  });

  rootTest("tells that the runtime's processes cannot be seen, and each container has a note", async () => {
    using folder = temporaryFolder();
    await using container = await heldContainer({ root: overlay });
    await using runtime = await FakeRuntime.listen();
    await using plugin = await connectFrom(
      ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
      runtime,
      ...flags(folder),
    );
    await plugin.runtime.handshake();
    const { stdout, exitCode } = await ask(folder);
    expect(stdout).toContain(
      "FAIL  traces       the processes of containerd cannot be seen from this pid namespace: no container can be traced\n" +
        "                   hostPID: true in Kubernetes, --pid=host in Docker\n",
    );
    expect(exitCode).toBe(1);
    const problem = "the processes of containerd cannot be seen from this pid namespace";
    const [inside] = childrenOf(plugin.pid);
    expect(await diagnose(folder)).toContain(
      `WRONG  running       pid ${inside}, started by itself: ${problem}`,
    );
    const there = await diagnose(folder, ["nsenter", "-t", `${inside}`, "-m", "-p"]);
    expect(there).toContain(
      "warn   runtime       no containerd or CRI-O among the processes of this pid namespace",
    );
    expect(there).toMatch(new RegExp(`^WRONG  running       pid 1, started by itself: ${problem}`, "m"));
    await plugin.runtime.event("StartContainer", web("c1", container.pid));
    const note = await waitFor(
      "the note",
      () => existsSync(folder.at("lists/nginx:latest.json")) && folder.at("lists/nginx:latest.json"),
    );
    expect(JSON.parse(readFileSync(note, "utf8"))).toMatchObject({
      complete: false,
      trouble: [expect.stringContaining("hostPID: true")],
    });
    expect(existsSync(folder.at("lists/nginx:latest"))).toBe(false);
  });

  for (const [what, version, unshare, isBlocked] of [
    ["an old CRI-O tells no pids and its cgroups cannot be seen", "1.35.6", ["--cgroup"], true],
    ["an old CRI-O's cgroups can be seen", "1.35.6", [], false],
    ["a CRI-O tells pids", "1.36.0", ["--cgroup"], false],
  ] as const) {
    rootTest(`tells ${isBlocked ? "that" : "nothing wrong where"} ${what}`, async () => {
      using folder = temporaryFolder();
      await using runtime = await FakeRuntime.listen({ name: "cri-o", version });
      // In a namespace of its own, only what is mounted there shows its own part alone.
      const script = `${unshare.length > 0 ? "umount -l /sys/fs/cgroup && mount -t tmpfs tmpfs /sys/fs/cgroup && { mount -t cgroup2 none /sys/fs/cgroup || { mkdir /sys/fs/cgroup/pids && mount -t cgroup -o pids none /sys/fs/cgroup/pids; }; } && " : ""}exec "$@"`;
      await using plugin = await connectFrom(
        ["unshare", "--mount", ...unshare, "sh", "-c", script, "sh"],
        runtime,
        ...flags(folder),
      );
      await plugin.runtime.handshake();
      const { stdout, exitCode } = await ask(folder);
      if (!isBlocked) {
        expect({ stdout, exitCode }).toMatchObject({ exitCode: 0 });
        return;
      }
      expect(stdout).toContain(
        "FAIL  traces       CRI-O 1.35.6 tells no pids (1.36 does), and the cgroups of its containers cannot be seen here\n" +
          "                   mount the host's /sys/fs/cgroup at the same path, read-only; or update CRI-O\n",
      );
      expect(exitCode).toBe(1);
      expect(await diagnose(folder)).toMatch(
        /^WRONG {2}running {7}pid \d+, started by itself: CRI-O 1\.35\.6 tells no pids/m,
      );
      await plugin.runtime.event("StartContainer", web("c1", 0));
      await waitFor("the note", () => existsSync(folder.at("lists/nginx:latest.json")));
    });
  }

  rootTest("a container whose pid nothing tells leaves a note that says what to mount", async () => {
    using folder = temporaryFolder();
    await using runtime = await FakeRuntime.listen();
    await using plugin = await connect(runtime, ...flags(folder));
    await plugin.runtime.handshake();
    await plugin.runtime.event("StartContainer", web("c1", 0));
    const note = folder.at("lists/nginx:latest.json");
    await waitFor("the note", () => existsSync(note));
    expect(JSON.parse(readFileSync(note, "utf8"))).toMatchObject({
      complete: false,
      trouble: [expect.stringContaining("mount the host's /sys/fs/cgroup at the same path")],
    });
  });

  rootTest("tells of containers that fail one after the other, until one is traced", async () => {
    using folder = temporaryFolder();
    await using container = await heldContainer({ root: overlay });
    await using runtime = await FakeRuntime.listen();
    await using plugin = await connect(runtime, ...flags(folder));
    await plugin.runtime.handshake();
    for (const id of ["c1", "c2", "c3"]) {
      expect(await ask(folder)).toMatchObject({ exitCode: 0 });
      // On the host's own root; twice, since one container that is started again and again proves nothing.
      await plugin.runtime.event("StartContainer", web(id, process.pid, `${id}:1`));
      await plugin.runtime.event("StartContainer", web(`${id}-again`, process.pid, `${id}:1`));
    }
    const { stdout, exitCode } = await ask(folder);
    expect(stdout).toContain(
      `FAIL  traces       containers of 3 results in a row could not be traced: Cannot trace process ${process.pid}: its root is the host's own\n`,
    );
    expect(exitCode).toBe(1);
    await plugin.runtime.event("StartContainer", web("c4", container.pid));
    expect(await ask(folder)).toMatchObject({ exitCode: 0 });
  });

  rootTest("tells of results that are recorded in vain, one after the other", async () => {
    using folder = temporaryFolder();
    // The folder of results can be written to, and that of this registry belongs to somebody else.
    mkdirSync(folder.at("lists/ghcr.io"), { recursive: true });
    chownSync(folder.at("lists/ghcr.io"), 1234, 1234);
    await using container = await heldContainer({ root: overlay });
    await using runtime = await FakeRuntime.listen();
    await using plugin = await connect(runtime, ...flags(folder), "--overwrite");
    await plugin.runtime.handshake();
    for (const id of ["c1", "c2", "c3"]) {
      expect(await ask(folder)).toMatchObject({ exitCode: 0 });
      const annotations = { "io.kubernetes.cri.image-name": `ghcr.io/org/${id}:1` };
      const its = fakeContainer(id, { pid: container.pid, annotations });
      await plugin.runtime.event("StartContainer", its);
      await container.tell("open", "/a");
      await plugin.runtime.event("StopContainer", its);
    }
    const { answer } = await askUntil(folder, ({ exitCode }) => exitCode === 1);
    expect(answer.stdout).toMatch(
      /^FAIL {2}results {6}3 results in a row could not be written: Cannot write .*: EACCES$/m,
    );
  });

  rootTest(
    "closes a new volume of a pod to others, and believes nobody in a folder that is there for them",
    async () => {
      using folder = temporaryFolder();
      mkdirSync(folder.at("run"));
      chmodSync(folder.at("run"), 0o777);
      expect((await ask(folder)).stdout).toStartWith(
        `FAIL  plugin       ${folder.at("run")} can be written to by others: chmod go-w ${folder.at("run")}\n`,
      );
      await using runtime = await FakeRuntime.listen();
      const one = await connect(runtime, ...flags(folder));
      await one.runtime.handshake();
      expect(await ask(folder)).toMatchObject({ exitCode: 0 });
      expect(statSync(folder.at("run")).mode & 0o777).toBe(0o700);
      await one[Symbol.asyncDispose]();

      chmodSync(folder.at("run"), 0o777);
      writeFileSync(folder.at("run/of-others"), "");
      await using other = await connect(runtime, ...flags(folder));
      await other.runtime.handshake();
      other.kill("SIGTERM");
      expect((await other.log()).join("\n")).toContain(
        `warn optimizer status cannot ask this plugin: ${folder.at("run")} can be written to by others`,
      );
      expect(statSync(folder.at("run")).mode & 0o777).toBe(0o777);
    },
  );

  rootTest("leaves the socket of a plugin in another pid namespace, and each answers", async () => {
    using folder = temporaryFolder();
    await using runtime = await FakeRuntime.listen();
    await using one = await connect(runtime, ...flags(folder));
    await one.runtime.handshake();
    await using pod = await connectFrom(
      ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
      runtime,
      ...flags(folder),
    );
    await pod.runtime.handshake();
    const { plugins } = JSON.parse((await ask(folder, "--json")).stdout);
    expect(plugins.map(({ answer }: { answer: string }) => answer)).toEqual(["answered", "answered"]);
  });
});
