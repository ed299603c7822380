import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import { decodeGoModules, versionOfModules, versionOfProgram } from "../../src/doctor/program-version.ts";
import { rootTest } from "../helpers/root.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

/** What the Go linker writes since 1.18: a header of 32 bytes, two strings behind their lengths, marks around the second. */
function goInfo(modules: string, flags = 2): Buffer {
  const mark = Buffer.alloc(16, 0x77);
  const text = Buffer.concat([mark, Buffer.from(modules), mark]);
  const header = Buffer.alloc(32);
  header.write("\xff Go buildinf:", "latin1");
  header[14] = 8;
  header[15] = flags;
  return Buffer.concat([header, varint(8), Buffer.from("go1.24.4"), varint(text.length), text]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Buffer.from([...bytes, rest]);
}

const debian = "path\tgithub.com/containerd/containerd/v2/cmd/containerd\nbuild\t-trimpath=true\n";

describe("versionOfModules()", () => {
  for (const [what, modules, kind, version] of [
    ["containerd of Debian", debian, "containerd", "2.x"],
    [
      "containerd 1 of Debian",
      "path\tgithub.com/containerd/containerd/cmd/containerd\n",
      "containerd",
      "1.x",
    ],
    [
      "a build that has a tag",
      "path\tgithub.com/containerd/containerd/v2/cmd/containerd\nmod\tgithub.com/containerd/containerd/v2\tv2.1.4+dirty\t\n",
      "containerd",
      "2.1.4",
    ],
    [
      "a build without a tag",
      "path\tgithub.com/containerd/containerd/v2/cmd/containerd\nmod\tgithub.com/containerd/containerd/v2\tv0.0.0-2025\t\n",
      "containerd",
      "2.x",
    ],
    [
      "k3s",
      "path\tgithub.com/k3s-io/k3s/cmd/server\ndep\tgithub.com/containerd/containerd/api\tv1.9.0\ndep\tgithub.com/containerd/containerd/v2\tv2.1.5-k3s1\n",
      "containerd",
      "2.1.5",
    ],
    [
      "CRI-O",
      "path\tgithub.com/cri-o/cri-o/cmd/crio\nmod\tgithub.com/cri-o/cri-o\tv1.35.6\th1:x=\n",
      "cri-o",
      "1.35.6",
    ],
    ["another program", "path\tcommand-line-arguments\n", "containerd", undefined],
    ["nothing", "", "containerd", undefined],
  ] as const) {
    test(`of ${what}: ${version}`, () => expect(versionOfModules(modules, kind)).toBe(version));
  }
});

describe("decodeGoModules()", () => {
  test("reads what the linker wrote", () => expect(decodeGoModules(goInfo(debian))).toBe(debian));

  test("reads nothing of an older form, and of what is cut off at any byte", () => {
    expect(decodeGoModules(goInfo(debian, 0))).toBe("");
    const whole = goInfo(debian);
    for (let length = 0; length < whole.length; length++) {
      expect(decodeGoModules(whole.subarray(0, length))).toBe("");
    }
  });

  test("takes no length for what it says", () => {
    const bytes = goInfo(debian);
    bytes.fill(0xff, 32, 40);
    expect(decodeGoModules(bytes)).toBe("");
  });
});

describe("versionOfProgram()", () => {
  rootTest("reads a file of root's alone, and never one that others can change", () => {
    using folder = temporaryFolder();
    const program = folder.at("containerd");
    writeFileSync(program, Buffer.concat([Buffer.alloc(4096), goInfo(debian)]));
    expect(versionOfProgram(program, "containerd")).toBe("2.x");
    chmodSync(program, 0o777);
    expect(versionOfProgram(program, "containerd")).toBeUndefined();
  });

  test("finds the description behind a text that looks like it, and across a border of what is read", () => {
    using folder = temporaryFolder();
    const program = folder.at("containerd");
    const border = 4 << 20;
    const file = Buffer.alloc(border + 8192);
    file.write("\xff Go buildinf:", 1001, "latin1");
    goInfo(debian).copy(file, border - 16);
    writeFileSync(program, file);
    const isRoot = process.getuid?.() === 0;
    expect(versionOfProgram(program, "containerd")).toBe(isRoot ? "2.x" : undefined);
  });

  test("tells nothing of a program that is not there", () => {
    expect(versionOfProgram("/nowhere/containerd", "containerd")).toBeUndefined();
  });
});
