import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import {
  deepestMount,
  type Mount,
  parseMountinfo,
  pathOnFileSystem,
  rootMount,
} from "../../src/trace/mountinfo.ts";
import { deviceNumber } from "../../src/trace/records.ts";

const line = "36 35 98:0 /mnt1 /mnt/parent rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n";

/** A mount of which only the places matter. */
function mount(mountPoint: string, root = "/"): Mount {
  return {
    device: deviceNumber(0, 1),
    root,
    mountPoint,
    fsType: "overlay",
    source: "overlay",
    superOptions: [],
  };
}

describe("parseMountinfo()", () => {
  test("reads the line of the manual", () => {
    expect(parseMountinfo(line)).toEqual([
      {
        device: deviceNumber(98, 0),
        root: "/mnt1",
        mountPoint: "/mnt/parent",
        fsType: "ext3",
        source: "/dev/root",
        superOptions: ["rw", "errors=continue"],
      },
    ]);
  });

  for (const fields of ["", " shared:1", " shared:1 master:2 propagate_from:3 unbindable"]) {
    test(`reads a line with the optional fields "${fields}"`, () => {
      expect(parseMountinfo(`1 2 0:3 / /x rw${fields} - tmpfs none rw`)).toEqual([
        { ...mount("/x"), device: deviceNumber(0, 3), fsType: "tmpfs", source: "none", superOptions: ["rw"] },
      ]);
    });
  }

  for (const [octal, character] of [
    ["\\040", " "],
    ["\\011", "\t"],
    ["\\012", "\n"],
    ["\\134", "\\"],
    ["\\134040", "\\040"],
    ["\\377", "\xff"],
  ] as const) {
    test(`reads ${octal} as ${JSON.stringify(character)}`, () => {
      const [found] = parseMountinfo(`1 2 0:3 /r${octal} /m${octal} rw - tmpfs s${octal} rw,dir=o${octal}`);
      expect(found).toMatchObject({
        root: `/r${character}`,
        mountPoint: `/m${character}`,
        source: `s${character}`,
        superOptions: ["rw", `dir=o${character}`],
      });
    });
  }

  test("leaves a comma that is part of a path in its option", () => {
    const [found] = parseMountinfo("1 2 0:3 / / rw - overlay overlay rw,lowerdir=/a\\054b:/c,upperdir=/d");
    expect(found?.superOptions).toEqual(["rw", "lowerdir=/a,b:/c", "upperdir=/d"]);
  });

  for (const bad of ["", "garbage", "36 35 98:0 /mnt1", "36 35 98:0 /a /b rw - ", "\0"]) {
    test(`skips the line ${JSON.stringify(bad)}`, () => {
      expect(parseMountinfo(`${bad}\n${line}`)).toHaveLength(1);
    });
  }

  test("reads this system's own table", () => {
    const text = readFileSync("/proc/self/mountinfo", "latin1");
    expect(parseMountinfo(text)).toHaveLength(text.trimEnd().split("\n").length);
  });
});

describe("rootMount()", () => {
  test("takes the last one of several at /", () => {
    const top = mount("/", "/top");
    expect(rootMount([mount("/"), mount("/a"), top, mount("/b")])).toBe(top);
  });

  test("finds none after a chroot", () => {
    expect(rootMount([mount("/a")])).toBeUndefined();
  });
});

describe("pathOnFileSystem()", () => {
  for (const [mountPoint, root, path, expected] of [
    ["/", "/", "/a/b", "/a/b"],
    ["/", "/part", "/a", "/part/a"],
    ["/run/rootfs", "/", "/run/rootfs/a/b", "/a/b"],
    ["/run/rootfs", "/part", "/run/rootfs/a", "/part/a"],
    ["/run/rootfs", "/", "/run/rootfs2/a", undefined],
    ["/run/rootfs", "/", "/run/rootfs", undefined],
    ["/run/rootfs", "/", "/a", undefined],
  ] as const) {
    test(`${path} through ${mountPoint} of ${root} is ${expected}`, () => {
      expect(pathOnFileSystem(mount(mountPoint, root), path)).toBe(expected as string);
    });
  }
});

describe("deepestMount()", () => {
  const [root, a, ab] = [mount("/"), mount("/a"), mount("/a/b")];
  for (const [path, expected] of [
    ["/x", root],
    ["/a/x", a],
    ["/a/b/x", ab],
    ["/a/bc", a],
    ["/ab", root],
  ] as const) {
    test(`finds ${expected.mountPoint} for ${path}`, () => {
      expect(deepestMount([ab, root, a], path)).toBe(expected);
    });
  }

  test("takes the later one of two at the same place", () => {
    const later = mount("/a");
    expect(deepestMount([a, root, later], "/a/x")).toBe(later);
  });

  test("finds none above", () => {
    expect(deepestMount([a], "/b")).toBeUndefined();
  });
});
