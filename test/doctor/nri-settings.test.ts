import { describe, expect, test } from "bun:test";
import type { RuntimeFacts, TextFile } from "../../src/doctor/facts.ts";
import { enableNri, enablePlugin, isAtLeast, nriSettings } from "../../src/doctor/nri-settings.ts";

const MAIN = "/etc/containerd/config.toml";
const URI = '[plugins."io.containerd.nri.v1.nri"]';

function containerd(
  version: string | undefined,
  text: string | undefined,
  ...imported: TextFile[]
): RuntimeFacts {
  const main = { path: MAIN, text, error: text === undefined ? "ENOENT" : undefined };
  return {
    kind: "containerd",
    program: "/usr/bin/containerd",
    version,
    vantage: "here",
    config: [main, ...imported],
  };
}

function crio(version: string, text: string | undefined, ...dropIns: TextFile[]): RuntimeFacts {
  const main = { path: "/etc/crio/crio.conf", text, error: text === undefined ? "ENOENT" : undefined };
  return { kind: "cri-o", program: "/usr/bin/crio", version, vantage: "here", config: [main, ...dropIns] };
}

const sed = (script: string, path = MAIN) => [`sed -i --follow-symlinks '${script}' ${path}`];
const importedOff = { path: "/etc/containerd/conf.d/a.toml", text: `version = 2\n${URI}\ndisable = true\n` };

describe("nriSettings() and enableNri()", () => {
  for (const [what, runtime, state, line, commands] of [
    [
      "containerd 1.7 without a file",
      containerd("1.7.24", undefined),
      "off",
      undefined,
      ["mkdir -p /etc/containerd", `printf '%s\\n' 'version = 2' '${URI}' '  disable = false' >>${MAIN}`],
    ],
    ["containerd 2.1 without a file", containerd("2.1.9", undefined), "on", undefined, undefined],
    [
      "containerd 1.7 with an empty file",
      containerd("1.7.24", ""),
      "off",
      undefined,
      [`printf '%s\\n' '' '[plugins.nri]' '  disable = false' >>${MAIN}`],
    ],
    [
      "containerd 1.7, version 1 with the long name",
      containerd("1.7.24", `${URI}\n  disable = false\n`),
      "off",
      undefined,
      [`printf '%s\\n' '' '[plugins.nri]' '  disable = false' >>${MAIN}`],
    ],
    [
      "containerd 1.7, version 1 with the short name",
      containerd("1.7.24", "[plugins.nri]\ndisable = true\n"),
      "off",
      2,
      sed("2s/true/false/"),
    ],
    [
      "containerd 1.7, version 2, no section",
      containerd("1.7.24", "version = 2\n"),
      "off",
      undefined,
      [`printf '%s\\n' '' '${URI}' '  disable = false' >>${MAIN}`],
    ],
    [
      "containerd 1.7, a section without the key",
      containerd("1.7.24", `version = 2\n${URI} # here\n`),
      "off",
      undefined,
      sed("2a\\  disable = false"),
    ],
    [
      "containerd 1.7, disable = true",
      containerd("1.7.24", `version = 2\n[plugins]\n  ${URI}\n    disable = true\n`),
      "off",
      4,
      sed("4s/true/false/"),
    ],
    [
      "containerd 1.7, disable = false",
      containerd("1.7.24", `version = 2\n${URI}\ndisable = false\n`),
      "on",
      3,
      undefined,
    ],
    [
      "containerd 2.1, disable = true in single quotes",
      containerd("2.1.9", "version = 3\n[plugins.'io.containerd.nri.v1.nri']\ndisable = true\n"),
      "off",
      3,
      sed("3s/true/false/"),
    ],
    [
      "containerd 2.1, switched off in an imported file",
      containerd("2.1.9", "version = 2\nimports = ['conf.d/*.toml']\n", importedOff),
      "off",
      3,
      sed("3s/true/false/", importedOff.path),
    ],
    [
      "containerd of unknown version, version 3",
      containerd(undefined, "version = 3\n"),
      "on",
      undefined,
      undefined,
    ],
    [
      "containerd of unknown version, version 2",
      containerd(undefined, "version = 2\n"),
      "unknown",
      undefined,
      [`printf '%s\\n' '' '${URI}' '  disable = false' >>${MAIN}`],
    ],
    [
      "containerd 1.7, an inline table",
      containerd("1.7.24", 'version = 2\nplugins = { "io.containerd.nri.v1.nri" = { disable = true } }\n'),
      "off",
      undefined,
      undefined,
    ],
    ["CRI-O 1.30", crio("1.30.0", undefined), "on", undefined, undefined],
    [
      "CRI-O 1.29",
      crio("1.29.4", "[crio]\n"),
      "off",
      undefined,
      [
        "mkdir -p /etc/crio/crio.conf.d",
        "printf '%s\\n' '[crio.nri]' 'enable_nri = true' >>/etc/crio/crio.conf.d/99-nri.conf",
      ],
    ],
    [
      "CRI-O, switched off in a drop-in",
      crio("1.32.0", "[crio.nri]\nenable_nri = true\n", {
        path: "/d/10.conf",
        text: "[crio.nri]\nenable_nri = false\n",
      }),
      "off",
      2,
      sed("2s/false/true/", "/d/10.conf"),
    ],
  ] as [string, RuntimeFacts, string, number | undefined, string[] | undefined][]) {
    test(`${what}: ${state}`, () => {
      const settings = nriSettings(runtime);
      if ("problem" in settings) throw new Error(settings.problem);
      expect(settings.enabled).toBe(state === "unknown" ? state : state === "on");
      expect(settings.place?.line).toBe(line);
      if (state === "off") expect(enableNri(runtime)).toEqual(commands);
    });
  }

  test("CRI-O's own flag wins", () => {
    const process = { pid: 1, startedAtMs: 0, unit: undefined, openFiles: undefined, nriFlag: false };
    expect(nriSettings({ ...crio("1.32.0", undefined), process })).toMatchObject({ enabled: false });
  });

  for (const [what, runtime, folders] of [
    [
      "containerd",
      containerd(
        "2.1.9",
        `version = 2\n${URI}\nplugin_path = "/a"\nplugin_config_path = "/b"\nsocket_path = "/c"\n`,
      ),
      { pluginPath: "/a", pluginConfigPath: "/b", socketPath: "/c" },
    ],
    [
      "CRI-O",
      crio("1.32.0", '[crio.nri]\nnri_plugin_dir = "/a"\nnri_plugin_config_dir = "/b"\nnri_listen = "/c"\n'),
      { pluginPath: "/a", pluginConfigPath: "/b", socketPath: "/c" },
    ],
    [
      "nobody",
      containerd("2.1.9", ""),
      {
        pluginPath: "/opt/nri/plugins",
        pluginConfigPath: "/etc/nri/conf.d",
        socketPath: "/var/run/nri/nri.sock",
      },
    ],
  ] as [string, RuntimeFacts, object][]) {
    test(`takes the folders that ${what} names`, () => {
      expect(nriSettings(runtime)).toMatchObject(folders);
    });
  }

  for (const [what, runtime, line, problem] of [
    ["is no TOML", containerd("2.1.9", "version = 2\nx = [\n"), 3, /^not TOML: /],
    [
      "cannot be read",
      { ...containerd("2.1.9", undefined), config: [{ path: MAIN, text: undefined, error: "EACCES" }] },
      undefined,
      /^cannot be read: EACCES$/,
    ],
    [
      "is of version 3 for containerd 1.7",
      containerd("1.7.24", "\nversion = 3\n"),
      2,
      /^version = 3 is for containerd 2.0 and newer$/,
    ],
    [
      "has a short name in version 2 for containerd 1.7",
      containerd("1.7.24", "version = 2\n[plugins.cri]\na = 1\n"),
      2,
      /^"cri" is no name of a section in version = 2$/,
    ],
  ] as [string, RuntimeFacts, number | undefined, RegExp][]) {
    test(`a configuration that ${what} is a problem`, () => {
      expect(nriSettings(runtime)).toMatchObject({
        path: MAIN,
        line,
        problem: expect.stringMatching(problem),
      });
      expect(enableNri(runtime)).toBeUndefined();
    });
  }
});

describe("enablePlugin()", () => {
  for (const [line, script] of [
    ['disabled_plugins = ["cri"]', '1s/"cri"//'],
    ["disabled_plugins = ['cri']", `1s/'\\''cri'\\''//`],
    ['disabled_plugins = ["cri", "x"]', '1s/"cri", //'],
    ['disabled_plugins = ["x", "cri"]', '1s/, "cri"//'],
    ['disabled_plugins = [\n  "cri",\n]', undefined],
  ] as const) {
    test(`takes cri out of ${line.replace(/\s+/g, " ")}`, () => {
      const runtime = containerd("1.7.24", `${line}\n`);
      const settings = nriSettings(runtime);
      if ("problem" in settings) throw new Error(settings.problem);
      const [disabled] = settings.disabled;
      if (disabled === undefined) throw new Error("It is not seen to be disabled");
      expect(disabled).toEqual({ path: MAIN, line: 1, word: "cri" });
      expect(enablePlugin(runtime, disabled)).toEqual(script === undefined ? undefined : sed(script));
    });
  }
});

for (const [version, major, minor, expected] of [
  ["1.7.24", 1, 7, true],
  ["1.6.33", 1, 7, false],
  ["2.0.0-rc.1", 1, 7, true],
  ["1.30", 1, 26, true],
  ["6.18.44-fc-v669", 5, 10, true],
  ["5.4.0", 5, 10, false],
  [undefined, 1, 7, false],
  ["unknown", 1, 7, false],
] as const) {
  test(`isAtLeast(${version}, ${major}, ${minor}) is ${expected}`, () => {
    expect(isAtLeast(version, major, minor)).toBe(expected);
  });
}
