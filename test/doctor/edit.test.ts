import { describe, expect, test } from "bun:test";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { applyEdit, createCommand, type Edit, editCommand, quote } from "../../src/doctor/edit.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

function sh(...commands: string[]): void {
  const { stderr, exitCode } = Bun.spawnSync(["sh", "-ec", commands.join("\n")]);
  expect({ stderr: stderr.toString(), exitCode }).toEqual({ stderr: "", exitCode: 0 });
}

describe("editCommand()", () => {
  for (const [what, text, edit] of [
    [
      "replaces a word",
      "a = true # true\nb = true\n",
      { kind: "substitute", line: 2, from: "true", to: "false" },
    ],
    [
      "replaces the first of two words",
      "a = true # true\n",
      { kind: "substitute", line: 1, from: "true", to: "x" },
    ],
    [
      "takes characters of patterns for themselves",
      "x [a.*] /&\n",
      { kind: "substitute", line: 1, from: "[a.*] /&", to: "\\1 &/" },
    ],
    ["makes a comment", "a\nb\nc\n", { kind: "comment", first: 2, last: 2 }],
    ["makes a comment of several lines", "a\n\nc\nd", { kind: "comment", first: 2, last: 3 }],
    [
      "inserts a line with its indentation",
      "a\nb\n",
      { kind: "insert", after: 1, text: "  disable = false" },
    ],
    ["appends lines", "a\n", { kind: "append", lines: ["", "[x.'y']", "  z = 1"] }],
    ["appends lines to a line without an end", "a", { kind: "append", lines: ["", "b"] }],
  ] as [string, string, Edit][]) {
    test(`${what}, as applyEdit() does`, () => {
      using folder = temporaryFolder();
      const path = folder.at("it's a file");
      writeFileSync(path, text);
      sh(editCommand(path, edit));
      expect(readFileSync(path, "utf8")).toBe(applyEdit(text, edit));
      expect(applyEdit(text, edit)).not.toBe(text);
    });
  }

  test("edits the file behind a link", () => {
    using folder = temporaryFolder();
    writeFileSync(folder.at("file"), "a\n");
    symlinkSync("file", folder.at("link"));
    sh(editCommand(folder.at("link"), { kind: "comment", first: 1, last: 1 }));
    expect(readFileSync(folder.at("file"), "utf8")).toBe("# a\n");
  });
});

test("createCommand() makes the folder, too", () => {
  using folder = temporaryFolder();
  sh(...createCommand(folder.at("a", "b", "c.conf"), ["[x]", "  y = 'z'"]));
  expect(readFileSync(folder.at("a", "b", "c.conf"), "utf8")).toBe("[x]\n  y = 'z'\n");
});

for (const [word, quoted] of [
  ["/etc/containerd/config.toml", "/etc/containerd/config.toml"],
  ["", "''"],
  ["a b", "'a b'"],
  ["it's", "'it'\\''s'"],
  ["$(x)", "'$(x)'"],
] as const) {
  test(`quote(${JSON.stringify(word)}) is ${quoted}`, () => {
    expect(quote(word)).toBe(quoted);
  });
}
