import { describe, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";

const script = join(import.meta.dir, "../../scripts/install/install.sh");
const template = join(import.meta.dir, "../../scripts/install/02-optimizer-nri-plugin.conf");
const program = "usr/local/bin/optimizer";
const plugin = "opt/nri/plugins/02-optimizer-nri-plugin";
const unit = "etc/systemd/system/optimizer.service";
const conf = "etc/nri/conf.d/02-optimizer-nri-plugin.conf";

/** A containerd that says it has this version. */
function fakeContainerd(folder: TemporaryFolder, version: string): string {
  const bin = folder.at("bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(
    join(bin, "containerd"),
    `#!/bin/sh\necho "containerd example.com/containerd ${version} abc"\n`,
  );
  chmodSync(join(bin, "containerd"), 0o755);
  return bin;
}

async function install(
  folder: TemporaryFolder,
  word: string,
  { version = "v2.1.9", ...env }: Record<string, string> = {},
): Promise<string> {
  const child = Bun.spawn(["sh", script, word], {
    env: { PATH: `${fakeContainerd(folder, version)}:/usr/bin:/bin`, DESTDIR: folder.path, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const text = (await new Response(child.stdout).text()) + (await new Response(child.stderr).text());
  expect({ word, text, exitCode: await child.exited }).toMatchObject({ exitCode: 0 });
  return text;
}

// The program that is installed has to be built: `make optimizer`.
const built = existsSync(join(import.meta.dir, "../../dist/optimizer"));

describe.skipIf(!built)("install.sh", () => {
  test("puts the program, the plugin and its configuration in their places, and takes them away", async () => {
    using folder = temporaryFolder();
    await install(folder, "install");
    expect(statSync(folder.at(program)).mode & 0o777).toBe(0o755);
    expect(statSync(folder.at(plugin)).mode & 0o777).toBe(0o755);
    expect(readFileSync(folder.at(conf), "utf8")).toBe(readFileSync(template, "utf8"));
    // Anything else with an execute bit there keeps containerd from starting.
    expect(readdirSync(folder.at("opt/nri/plugins"))).toEqual(["02-optimizer-nri-plugin"]);
    for (const file of ["man/man1/optimizer.1", "bash-completion/completions/optimizer"]) {
      expect(statSync(folder.at(`usr/local/share/${file}`)).size).toBeGreaterThan(500);
    }
    await install(folder, "install"); // over itself
    await install(folder, "uninstall");
    expect([program, plugin, conf].filter((path) => existsSync(folder.at(path)))).toEqual([]);
  });

  test("puts a service in its place with the program's own path, and takes it away", async () => {
    using folder = temporaryFolder();
    await install(folder, "install-service", { PREFIX: "/opt/tools" });
    expect(readFileSync(folder.at(unit), "utf8")).toContain("\nExecStart=/opt/tools/bin/optimizer plugin\n");
    expect(existsSync(folder.at("opt/tools/bin/optimizer"))).toBe(true);
    expect(existsSync(folder.at(plugin))).toBe(false); // it would trace as well
    await install(folder, "uninstall", { PREFIX: "/opt/tools" });
    expect(existsSync(folder.at(unit))).toBe(false);
  });

  test("keeps a configuration that was edited", async () => {
    using folder = temporaryFolder();
    await install(folder, "install");
    appendFileSync(folder.at(conf), "# mine\n");
    for (const word of ["install", "uninstall"]) {
      expect(await install(folder, word)).toContain(`kept      ${folder.at(conf)} (it was edited)`);
      expect(readFileSync(folder.at(conf), "utf8")).toEndWith("# mine\n");
    }
  });

  for (const [version, config, expected] of [
    ["v2.1.9", undefined, "NRI is on in containerd"],
    ["1.7.24~ds1", undefined, "NRI is off by default in containerd 1.7"],
    ["v2.1.9", "disable = true", "Set there:"],
    ["v1.7.24", "disable = false", "NRI is on in containerd"],
  ] as const) {
    test(`tells of NRI in containerd ${version} with ${config ?? "no configuration"}`, async () => {
      using folder = temporaryFolder();
      if (config !== undefined) {
        mkdirSync(folder.at("etc/containerd"), { recursive: true });
        const section = `version = 2\n[plugins."io.containerd.nri.v1.nri"]\n  ${config}\n`;
        writeFileSync(folder.at("etc/containerd/config.toml"), section);
      }
      const text = await install(folder, "install", { version });
      expect(text).toContain(expected);
      if (!expected.startsWith("NRI is on")) expect(text).toContain('[plugins."io.containerd.nri.v1.nri"]\n');
    });
  }
});
