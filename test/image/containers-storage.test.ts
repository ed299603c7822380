import { describe, expect, test } from "bun:test";
import { areDescriptors, lowerFileOf, parseLowerFile } from "../../src/image/containers-storage.ts";

describe("areDescriptors()", () => {
  for (const [lower, expected] of [
    [["3", "6", "7"], true],
    [["3"], true],
    [[], false],
    [["3", "l/A"], false],
    [["/3"], false],
    [["3/fs"], false],
    [["-1"], false],
  ] as const) {
    test(`says ${expected} of ${lower.join(":") || "nothing"}`, () => {
      expect(areDescriptors(lower)).toBe(expected);
    });
  }
});

describe("lowerFileOf()", () => {
  for (const [upper, expected] of [
    ["/var/lib/containers/storage/overlay/0a1b/diff", "/var/lib/containers/storage/overlay/0a1b/lower"],
    ["/var/lib/containerd/snapshots/3/fs", undefined],
    ["0a1b/diff", undefined],
    ["/diff", undefined],
    [undefined, undefined],
  ] as const) {
    test(`of the upper folder ${upper} is ${expected}`, () => {
      expect(lowerFileOf(upper)).toBe(expected);
    });
  }
});

describe("parseLowerFile()", () => {
  const parse = (text: string) => parseLowerFile("/storage/overlay/0a1b/lower", text);

  test("reads links below the storage's folder, the topmost layer first", () => {
    expect(parse("l/TKLASBIYRI5KW6RRVMVG5OAEWF:l/YO23HSTS5VES7KEY3KZV4DQKTY")).toEqual([
      "/storage/overlay/l/TKLASBIYRI5KW6RRVMVG5OAEWF",
      "/storage/overlay/l/YO23HSTS5VES7KEY3KZV4DQKTY",
    ]);
  });

  for (const [what, text] of [
    ["nothing", ""],
    ["an absolute path", "/etc"],
    ["a way out of the folder", "l/../../etc"],
    ["two dots", "l/.."],
    ["the folder itself", "l/"],
    ["a folder in it", "l/A/B"],
    ["one wrong name among right ones", "l/A:l/B:etc"],
    ["a newline between names", "l/A\nl/B"],
    ["an empty name", "l/A::l/B"],
    ["NUL", "l/A\0"],
  ] as const) {
    test(`takes nothing from ${what}`, () => {
      expect(parse(text)).toBeUndefined();
    });
  }
});
