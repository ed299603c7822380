import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cniFolders } from "../../scripts/rig/cni.ts";
import { run } from "../../scripts/rig/command.ts";
import { CONTAINERD_VERSIONS, type ContainerdVersion } from "../../scripts/rig/containerd.ts";
import { encodeConfig } from "../../scripts/rig/containerd-config.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { childrenOf } from "../../scripts/rig/processes.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { containerdFiles } from "../../src/doctor/gather-runtimes.ts";
import { nriSettings } from "../../src/doctor/nri-settings.ts";

const packages = await fetchPackages(console.error);
const PROGRAM = join(ROOT, "dist/optimizer");
const PLUGIN = "02-optimizer-nri-plugin";

/** A containerd whose configuration nobody writes but the doctor's commands; it runs no containers. */
class Patient implements AsyncDisposable {
  readonly folder = mkdtempSync(join(currentRun().folder, "doctor-"));
  readonly config = join(this.folder, "config.toml");
  readonly plugins = join(this.folder, "plugins");
  readonly pluginConfig = join(this.folder, "conf.d", `${PLUGIN}.conf`);
  readonly #version: ContainerdVersion;
  readonly #log = join(this.folder, "containerd.log");
  #child: Bun.Subprocess | undefined;

  constructor(version: ContainerdVersion, { nri }: { readonly nri: "on" | "off" }) {
    this.#version = version;
    const socket = (name: string) => `/run/${this.folder.slice(-6)}-${name}.sock`;
    const paths = {
      root: join(this.folder, "root"),
      state: join(this.folder, "state"),
      socket: socket("containerd"),
      nriSocket: socket("nri"),
      cni: cniFolders(join(this.folder, "cni")),
      idmapRunc: join(this.folder, "runc-idmap"),
    };
    const options = { pluginPath: this.plugins, pluginConfigPath: join(this.folder, "conf.d") };
    const text = encodeConfig(version, paths, "none", options);
    writeFileSync(
      this.config,
      nri === "on" ? text : text.replace("\ndisable = false", "\n  disable = true # why?"),
    );
    mkdirSync(join(this.folder, "conf.d"));
    writeFileSync(this.pluginConfig, `persist_dir = "${this.folder}/results"\n`);
  }

  /** Starts containerd, and tells whether it came up. */
  async start(): Promise<"up" | "ended"> {
    writeFileSync(this.#log, "");
    const child = Bun.spawn([this.#program, "--config", this.config], {
      stdio: ["ignore", Bun.file(this.#log), Bun.file(this.#log)],
    });
    this.#child = child;
    return await waitFor(
      () =>
        this.log().includes("containerd successfully booted") ? "up" : child.exitCode !== null && "ended",
      { what: "containerd to start or to end", timeoutMs: 30_000, explain: () => this.log().slice(-2000) },
    );
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGTERM");
    await this.#child?.exited;
  }

  /** What /proc tells of a start is as exact as a second; a change has to come after it. */
  async restart(): Promise<"up" | "ended"> {
    await this.stop();
    return await this.start();
  }

  log(): string {
    return readFileSync(this.#log, "utf8");
  }

  /** The plugin that containerd has started. */
  async pluginPid(): Promise<number> {
    const pid = this.#child?.pid ?? 0;
    return await waitFor(
      () =>
        childrenOf(pid).find((child) =>
          readFileSync(`/proc/${child}/comm`, "utf8").startsWith("02-optimizer"),
        ),
      { what: "containerd to start the plugin", explain: () => this.log().slice(-2000) },
    );
  }

  /** Runs the doctor on it. */
  async examine(...flags: string[]): Promise<{ text: string; exitCode: number }> {
    const child = Bun.spawn([PROGRAM, "doctor", "--containerd-config", this.config, ...flags], {
      env: { PATH: `${join(this.#program, "..")}:${process.env["PATH"]}` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const texts = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { text: texts.join(""), exitCode: await child.exited };
  }

  get #program(): string {
    return join(packages[`containerd-${this.#version}`].folder, "usr/bin/containerd");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** What a user would copy out of a report, and run. */
async function apply(report: string): Promise<void> {
  const commands = report.split("\n").filter((line) => /^ {4}\S/.test(line));
  expect(commands).not.toEqual([]);
  const child = Bun.spawn(["sh", "-e"], { stdio: [Buffer.from(commands.join("\n")), "pipe", "pipe"] });
  expect(await new Response(child.stderr).text()).toBe("");
  expect(await child.exited).toBe(0);
}

/** The lines of a report that are not good, each with how it is mended. */
function bad(report: string): string[] {
  return report.split(/\n(?=\S)/).filter((line) => /^(?:WRONG|warn)/.test(line));
}

function install({ plugins }: Patient): void {
  mkdirSync(plugins);
  Bun.spawnSync(["install", "-m", "755", PROGRAM, join(plugins, PLUGIN)]);
}

describe.each([...CONTAINERD_VERSIONS])("doctor on containerd %s", (version) => {
  test("tells what switches NRI on and installs the plugin, and that mends it", async () => {
    await using patient = new Patient(version, { nri: "off" });
    expect(await patient.start()).toBe("up");
    const before = await patient.examine();
    const line = readFileSync(patient.config, "utf8").split("\n").indexOf("  disable = true # why?") + 1;
    const wrong = bad(before.text);
    expect(wrong).toContain(
      `WRONG  NRI           off in ${patient.config}, line ${line}\n` +
        `    sed -i --follow-symlinks '${line}s/true/false/' ${patient.config}`,
    );
    expect(wrong).toContain(
      `WRONG  plugin        not installed in ${patient.plugins}\n` +
        `    install -D -m 755 ${PROGRAM} ${patient.plugins}/${PLUGIN}`,
    );
    expect(wrong.join("\n")).toMatch(
      /^WRONG {2}running {7}no: NRI is off\n {21}restart containerd, pid \d+$/m,
    );
    expect(before.exitCode).toBe(1);

    await apply(before.text);
    expect(await patient.restart()).toBe("up");
    const pid = await patient.pluginPid();
    const after = await patient.examine();
    expect(after.text).toContain(
      `good   running       pid ${pid}, started by containerd, connected to containerd ${version}`,
    );
    expect(after).toMatchObject({ exitCode: 0 });
  });

  test("tells what takes wrongly named files out of the way, and containerd starts again", async () => {
    await using patient = new Patient(version, { nri: "on" });
    install(patient);
    writeFileSync(join(patient.plugins, "optimizer.bak"), "");
    chmodSync(join(patient.plugins, "optimizer.bak"), 0o755);
    symlinkSync(PROGRAM, join(patient.plugins, "optimizer"));
    expect(await patient.start()).toBe("ended");
    expect(patient.log()).toContain("invalid plugin name");
    const before = await patient.examine();
    expect(bad(before.text).filter((line) => line.startsWith("WRONG"))).toEqual([
      `WRONG  folder        ${patient.plugins}/optimizer is a link but not named NN-name: the runtime does not start with it\n` +
        `                     it leads to ${PROGRAM}, which stays\n` +
        `    rm ${patient.plugins}/optimizer`,
      `WRONG  folder        ${patient.plugins}/optimizer.bak is executable but not named NN-name: the runtime does not start with it\n` +
        `    chmod a-x ${patient.plugins}/optimizer.bak`,
      "WRONG  running       containerd does not run\n                     start containerd\n",
    ]);
    expect(before.exitCode).toBe(1);

    await apply(before.text);
    expect(await patient.start()).toBe("up");
    await patient.pluginPid();
    expect(await patient.examine()).toMatchObject({ exitCode: 0 });
  });

  test("tells what mends a broken configuration, and the plugin takes it", async () => {
    await using patient = new Patient(version, { nri: "on" });
    install(patient);
    const text =
      `persist-dir = "${patient.folder}/results"\n` +
      'readabel = true\ntimeout = "soon"\nevents = [\n  "StartContaner",\n]\noverwrite = true\noverwrite = false\n';
    writeFileSync(patient.pluginConfig, text);
    expect(await patient.start()).toBe("up");
    const before = await patient.examine();
    expect(bad(before.text).filter((line) => line.startsWith("WRONG"))).toEqual([
      `WRONG  config        ${patient.pluginConfig}: line 8: not TOML: Can't redefine existing key\n` +
        ["8s/^/# /", "1s/persist-dir/persist_dir/", "2s/readabel/readable/", "3s/^/# /", "4,6s/^/# /"]
          .map((script) => `    sed -i --follow-symlinks '${script}' ${patient.pluginConfig}`)
          .join("\n"),
    ]);
    expect(before.exitCode).toBe(1);

    await apply(before.text);
    expect(readFileSync(patient.pluginConfig, "utf8")).toBe(
      `persist_dir = "${patient.folder}/results"\n` +
        'readable = true\n# timeout = "soon"\n# events = [\n#   "StartContaner",\n# ]\noverwrite = true\n# overwrite = false\n',
    );
    expect(await patient.examine()).toMatchObject({ exitCode: 0 });
    expect(await patient.restart()).toBe("up");
    await patient.pluginPid();
    const after = await patient.examine("--json");
    expect(JSON.parse(after.text)).toMatchObject({ version: 1, healthy: true });
  });

  // What containerd itself makes of a configuration.
  for (const [what, text] of [
    ["is empty", ""],
    ["has a version alone", "version = 2\n"],
    ["switches it on", 'version = 2\n[plugins."io.containerd.nri.v1.nri"]\ndisable = false\n'],
    ["switches it off", 'version = 2\n[plugins."io.containerd.nri.v1.nri"]\ndisable = true\n'],
    [
      "names folders",
      'version = 2\n[plugins."io.containerd.nri.v1.nri"]\nplugin_path = "/a"\nplugin_config_path = "/b"\n',
    ],
    ["has the short name of version 1", "[plugins.nri]\ndisable = false\n"],
    ["has the long name in version 1", '[plugins."io.containerd.nri.v1.nri"]\ndisable = false\n'],
    ["has the short name in version 2", "version = 2\n[plugins.nri]\ndisable = false\n"],
    ["is of version 3", 'version = 3\n[plugins."io.containerd.nri.v1.nri"]\ndisable = true\n'],
    [
      "imports another",
      'version = 2\nimports = ["*.d/nri.toml"]\n[plugins."io.containerd.nri.v1.nri"]\ndisable = true\nplugin_path = "/a"\n',
    ],
  ] as const) {
    test(`reads of NRI what containerd does when the configuration ${what}`, async () => {
      const folder = mkdtempSync(join(currentRun().folder, "config-"));
      const path = join(folder, "config.toml");
      mkdirSync(join(folder, "my.d"));
      writeFileSync(path, text);
      writeFileSync(
        join(folder, "my.d/nri.toml"),
        'version = 2\n[plugins."io.containerd.nri.v1.nri"]\ndisable = false\n',
      );
      const program = join(packages[`containerd-${version}`].folder, "usr/bin/containerd");
      const { stdout, exitCode } = Bun.spawnSync([program, "--config", path, "config", "dump"]);
      const ours = nriSettings({
        kind: "containerd",
        program,
        version,
        vantage: "here",
        config: containerdFiles(path),
      });
      expect("problem" in ours).toBe(exitCode !== 0);
      if ("problem" in ours) return;
      const dump = Bun.TOML.parse(stdout.toString()) as { plugins: Record<string, Record<string, unknown>> };
      const theirs = dump.plugins["io.containerd.nri.v1.nri"];
      expect(ours).toMatchObject({
        enabled: theirs?.["disable"] !== true,
        pluginPath: theirs?.["plugin_path"] as string,
        pluginConfigPath: theirs?.["plugin_config_path"] as string,
        socketPath: theirs?.["socket_path"] as string,
      });
    });
  }
});

test("doctor tells right of ignore marks where every file has several names, as on ostree's hosts", async () => {
  const root = mkdtempSync(join(currentRun().folder, "links-"));
  const program = join(root, "optimizer");
  const libraries = await run(["ldd", PROGRAM]);
  const files = [...libraries.matchAll(/(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
  for (const [from, to] of [[PROGRAM, program], ...files.map((path) => [path, join(root, path)])] as const) {
    mkdirSync(join(to, ".."), { recursive: true });
    copyFileSync(from, to);
    linkSync(to, `${to}.other`);
  }
  mkdirSync(join(root, "proc"));
  mkdirSync(join(root, "dev"));
  // A mount of its own: a trace looks at what is opened through "/".
  const inside = [
    'mount --bind "$0" "$0"',
    'mount -t proc proc "$0/proc"',
    'mount --rbind /dev "$0/dev"',
    'exec chroot "$0" /optimizer doctor --json',
  ].join(" && ");
  const { stdout, stderr } = Bun.spawnSync(["unshare", "--mount", "sh", "-c", inside, root]);
  expect(stderr.toString()).toBe("");
  const { findings } = JSON.parse(stdout.toString());
  const levels = Object.fromEntries(findings.map(({ check, level }: Finding) => [check, level]));
  expect(levels).toMatchObject({ fanotify: "good", "ignore marks": "good" });
});
