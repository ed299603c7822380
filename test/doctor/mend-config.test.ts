import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { configProblems, mendConfig } from "../../src/doctor/mend-config.ts";
import { random, testSeed } from "../helpers/random.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** What the commands make of the text; undefined when they put the file aside. */
function mend(text: string): string | undefined {
  using folder = temporaryFolder();
  const path = folder.at("conf");
  writeFileSync(path, text);
  const commands = mendConfig(path, text);
  const { stderr, exitCode } = Bun.spawnSync(["sh", "-ec", commands.join("\n")]);
  expect({ stderr: stderr.toString(), exitCode }).toEqual({ stderr: "", exitCode: 0 });
  if (commands[0]?.startsWith("mv ")) return undefined;
  return readFileSync(path, "utf8");
}

describe("mendConfig()", () => {
  for (const [what, text, mended] of [
    ["a mistyped key", 'persist-dir = "/x"\n', 'persist_dir = "/x"\n'],
    ["a mistyped key in quotes", '"readabel" = true\n', '"readable" = true\n'],
    ["a mistyped key with a wrong value", "timeot = -1\n", "# timeot = -1\n"],
    ["an unknown key", "colour = 1\nreadable = true\n", "# colour = 1\nreadable = true\n"],
    ["a wrong value", 'readable = "yes"\ntimeout = -1', '# readable = "yes"\n# timeout = -1'],
    ["a wrong event", 'events = ["StartContaner"]\n', '# events = ["StartContaner"]\n'],
    ["a list over several lines", "a = 1\nevents = [\n  1,\n]\n", "# a = 1\n# events = [\n#   1,\n# ]\n"],
    [
      "a text without its end",
      'persist_dir = "/x\nreadable = true\n',
      '# persist_dir = "/x\nreadable = true\n',
    ],
    ["a list without its end", "readable = true\nevents = [", "readable = true\n# events = ["],
    [
      "a key that is there twice",
      "readable = true\nreadable = false\n",
      "readable = true\n# readable = false\n",
    ],
    ["a yaml", "persist_dir: /x\nreadable: true\n", "# persist_dir: /x\n# readable: true\n"],
    ["a mistyped kind", 'include = ["imgae=x", "pod=y"]\n', 'include = ["image=x", "pod=y"]\n'],
    [
      "an entry on a line of its own",
      'include = [\n  "pod=y",\n  "nginx",\n]\n',
      'include = [\n  "pod=y",\n#   "nginx",\n]\n',
    ],
    ["two that exclude each other", "merge = true\noverwrite = true\n", "merge = true\n# overwrite = true\n"],
    ["an unknown section", "[plugin]\n", "# [plugin]\n"],
    ["keys below an unknown section", '[plugin]\npersist_dir = "/x"\n', '# [plugin]\npersist_dir = "/x"\n'],
  ] as const) {
    test(`mends ${what}`, () => {
      expect(configProblems(text)).not.toEqual([]);
      expect(mend(text)).toBe(mended);
      expect(configProblems(mended)).toEqual([]);
    });
  }

  test("puts aside what it cannot mend", () => {
    expect(mendConfig("/etc/x.conf", "\u0000".repeat(30))).toEqual(["mv /etc/x.conf /etc/x.conf.broken"]);
    expect(mendConfig("/etc/x.conf", "a b\n".repeat(30))).toEqual(["mv /etc/x.conf /etc/x.conf.broken"]);
  });

  const seed = testSeed();
  test(`leaves nothing wrong in a text that was damaged at random (TEST_SEED=${seed})`, () => {
    const next = random(seed);
    const whole =
      'persist_dir = "/x" # here\nreadable = true\nevents = [\n  "StartContainer",\n]\ntimeout = 30\n';
    for (let round = 0; round < 300; round++) {
      const at = Math.floor(next() * whole.length);
      const text = whole.slice(0, at) + '"[]=\n#x'.charAt(Math.floor(next() * 7)) + whole.slice(at + 1);
      if (configProblems(text).length === 0) continue;
      const commands = mendConfig("/c", text);
      expect(commands, JSON.stringify(text)).not.toEqual([]);
      if (round % 10 > 0) continue; // a shell each takes its time
      const mended = mend(text);
      if (mended !== undefined)
        expect({ text, problems: configProblems(mended) }).toEqual({ text, problems: [] });
    }
  });
});
