import { describe, expect, test } from "bun:test";
import { chmodSync, copyFileSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { tryPersistDir } from "../../src/doctor/gather-persist-dir.ts";
import { findExternal, readPluginFolder } from "../../src/doctor/gather-plugins.ts";
import { containerdFiles, findRuntimes } from "../../src/doctor/gather-runtimes.ts";
import type { Process } from "../../src/doctor/processes.ts";
import { tryTracing } from "../../src/doctor/trial.ts";
import { loadShim } from "../../src/sys/shim.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

test("readPluginFolder() tells what a runtime would make of each entry", () => {
  using folder = temporaryFolder();
  const program = folder.at("program");
  writeFileSync(program, "the program");
  mkdirSync(folder.at("p/sub"), { recursive: true });
  linkSync(program, folder.at("p/01-same"));
  copyFileSync(program, folder.at("p/02-copy"));
  writeFileSync(folder.at("p/03-other"), "the pr0gram");
  chmodSync(folder.at("p/03-other"), 0o755);
  symlinkSync(program, folder.at("p/04-link"));
  symlinkSync("nowhere", folder.at("p/05-dangling"));
  const entries = readPluginFolder(folder.at("p"), program)?.map(({ changedAtMs: _, ...entry }) => entry);
  expect(entries).toEqual([
    { name: "01-same", kind: "file", executable: false, target: undefined, same: "same" },
    { name: "02-copy", kind: "file", executable: false, target: undefined, same: "same" },
    { name: "03-other", kind: "file", executable: true, target: undefined, same: "other" },
    { name: "04-link", kind: "link", executable: true, target: program, same: "same" },
    { name: "05-dangling", kind: "link", executable: true, target: undefined, same: "other" },
    { name: "sub", kind: "directory", executable: true, target: undefined, same: "other" },
  ]);
  expect(readPluginFolder(folder.at("none"), program)).toBeUndefined();
});

test("containerdFiles() follows imports, each file once", () => {
  using folder = temporaryFolder();
  mkdirSync(folder.at("a.d"));
  writeFileSync(folder.at("config.toml"), 'imports = ["*.d/*.toml", "gone.toml", "config.toml"]\n');
  writeFileSync(folder.at("a.d/2.toml"), 'imports = ["../config.toml"]\n');
  writeFileSync(folder.at("a.d/1.toml"), "[[[");
  const names = containerdFiles(folder.at("config.toml")).map(({ path, error }) => [path, error]);
  expect(names).toEqual([
    [folder.at("config.toml"), undefined],
    [folder.at("a.d/1.toml"), undefined],
    [folder.at("a.d/2.toml"), undefined],
    [folder.at("gone.toml"), "ENOENT"],
  ]);
});

describe("findRuntimes()", () => {
  const process_ = (pid: number, line: string, parent = 1): Process => ({
    pid,
    parent,
    name: line.split(" ")[0] ?? "",
    args: line.split(" "),
    program: `/usr/bin/${line.split(" ")[0]}`,
    replaced: false,
    startedAtMs: 0,
  });

  // Pids that nobody has: their versions cannot be asked for.
  const processes = [
    process_(99_000_001, "containerd --config /k3s.toml"),
    process_(99_000_002, "containerd -c=/other.toml"),
    process_(99_000_003, "containerd --config /var/run/docker/containerd/containerd.toml"),
    process_(99_000_004, "containerd-shim -id x"),
    process_(99_000_005, "crio --enable-nri=false"),
  ];

  for (const [what, config, pids] of [
    ["all that run, but for Docker's", undefined, [99_000_001, 99_000_002, 99_000_005]],
    ["the one that reads a file", "/other.toml", [99_000_002]],
  ] as const) {
    test(`finds ${what}`, async () => {
      const { runtimes, docker } = await findRuntimes(processes, config);
      expect(runtimes.map(({ process }) => process?.pid)).toEqual([...pids]);
      expect(docker).toBe(true);
      expect(runtimes[0]?.version).toBeUndefined();
    });
  }

  test("takes CRI-O's flag", async () => {
    const { runtimes } = await findRuntimes(processes.slice(4), undefined);
    expect(runtimes[0]).toMatchObject({ kind: "cri-o", process: { nriFlag: false } });
  });

  test("does not wait for a program that does not answer", async () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("containerd"), "#!/bin/sh\nexec sleep 60\n", { mode: 0o755 });
    const before = process.env["PATH"];
    process.env["PATH"] = `${folder.path}:${before}`;
    try {
      const startMs = performance.now();
      const { runtimes } = await findRuntimes([], folder.at("config.toml"));
      expect(runtimes[0]).toMatchObject({
        kind: "containerd",
        version: undefined,
        program: folder.at("containerd"),
      });
      expect(performance.now() - startMs).toBeLessThan(4000);
    } finally {
      process.env["PATH"] = before;
    }
  });
});

test("findExternal() finds plugins that were started by hand", () => {
  const lines = [
    "/usr/local/bin/optimizer plugin --persist-dir /x",
    "optimizer trace -- plugin",
    "/x/bun /work/src/main.ts plugin",
    "vim plugin",
    "optimizer plugin",
  ];
  const processes = lines.map((line, index) => ({
    pid: index + 1,
    parent: 0,
    name: "x",
    args: line.split(" "),
    program: "/x",
    replaced: false,
    startedAtMs: 0,
  }));
  expect(findExternal(processes, 5).map(({ pid }) => pid)).toEqual([1, 3]);
});

describe("tryPersistDir()", () => {
  test("leaves nothing in a folder that can be written", () => {
    using folder = temporaryFolder();
    const facts = tryPersistDir(folder.path);
    expect(facts).toMatchObject({ path: folder.path, existing: folder.path });
    expect(facts.writeError ?? facts.linkError).toBeUndefined();
    expect(facts.freeBytes).toBeGreaterThan(0);
    expect([...new Bun.Glob("*").scanSync({ cwd: folder.path, dot: true })]).toEqual([]);
  });

  test("finds the nearest folder of one that is to be made", () => {
    using folder = temporaryFolder();
    const facts = tryPersistDir(folder.at("a/b"));
    expect(facts).toMatchObject({ path: folder.at("a/b"), existing: folder.path });
    expect(facts.writeError).toBeUndefined();
  });

  test("tells of a file in the way", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("a"), "");
    expect(tryPersistDir(folder.at("a/b"))).toMatchObject({
      existing: folder.at("a"),
      writeError: "ENOTDIR",
    });
    expect(tryPersistDir(folder.at("a"))).toMatchObject({ existing: folder.at("a"), writeError: "ENOTDIR" });
  });

  rootTest("knows memory, and what cannot be written", () => {
    expect(tryPersistDir("/dev/shm").fsType).toBe("tmpfs");
    expect(tryPersistDir("/proc").writeError).toBeDefined();
  });
});

describe("tryTracing()", () => {
  rootTest("sees a program being started", async () => {
    const trial = await tryTracing(loadShim);
    expect(trial).toMatchObject({ kind: "traced", unlimitedQueue: true });
    expect(trial.kind === "traced" && trial.opens).toBeGreaterThan(0);
  });

  rootTest(
    "takes the kernel's word for ignore marks, whatever files the program it started has opened",
    async () => {
      const answers = [true, false, undefined];
      for (const probeIgnoreMarks of answers.map((answer) => () => answer)) {
        const trial = await tryTracing(() => ({ ...loadShim(), probeIgnoreMarks }));
        expect(trial).toMatchObject({ kind: "traced", ignoring: probeIgnoreMarks() });
      }
      expect(loadShim().probeIgnoreMarks()).toBe(true); // this kernel has them
    },
  );

  rootTest("waits for a program that takes longer to start than the kernel may take to answer", async () => {
    const trial = await tryTracing(loadShim, { command: ["sleep", "2.2"], timeoutMs: 2000 });
    expect(trial).toMatchObject({ kind: "traced" });
  });

  test("tells what keeps it from starting", async () => {
    const trial = await tryTracing(() => {
      throw new Error("no shim");
    });
    expect(trial).toEqual({ kind: "failed", message: "no shim", code: undefined });
  });
});
