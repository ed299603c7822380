import { basename, dirname } from "node:path/posix";
import { parseLowerFile } from "../../../src/image/containers-storage.ts";
import { parseOverlayOptions, resolveLayers } from "../../../src/image/overlay.ts";
import { deepestMount, parseMountinfo, pathOnFileSystem, rootMount } from "../../../src/trace/mountinfo.ts";
import { about, check, checkSame, latin1, texts } from "../check.ts";
import type { Target } from "../fuzzer.ts";

/** The kernel prints no longer line, since mount(2) takes no longer options. */
const LINE_BYTES_MAX = 8192;

const lines = [
  "36 35 98:0 / / rw,noatime shared:1 - overlay overlay rw,lowerdir=/l2:/l1,upperdir=/u,workdir=/w",
  "37 36 0:5 /a /b\\040c rw - tmpfs tmpfs rw,size=1k",
  "38 36 0:6 / /d rw master:1 - overlay none rw,lowerdir+=/a:b,lowerdir+=/c,datadir+=/d,lowerdir=/x\\134:y::/data",
];

/** Mount tables, and overlay's options as the kernel would print them. */
export const mounts: Target = {
  name: "mounts, overlay",
  seeds: texts(lines.join("\n"), ...lines, "/a:b\n/c\\\n/d,e\n\\:", "/a\\\n/b", "l/AB2:l/C\n"),
  words: texts(
    "\\",
    ":",
    "::",
    ",",
    "\\134",
    "\\040",
    "lowerdir=",
    "lowerdir+=",
    "upperdir=",
    " - ",
    "\n/",
    "=",
  ),
  inputsInTests: 2000,
  run(input) {
    const text = latin1(input.subarray(0, LINE_BYTES_MAX));
    const table = parseMountinfo(text);
    check(table.length <= text.split("\n").length, "a line is one mount at most");
    const root = rootMount(table);
    const deepest = deepestMount(table, "/b c/file");
    if (deepest !== undefined) {
      check(
        pathOnFileSystem(deepest, "/b c/file")?.endsWith("file") === true,
        "the deepest mount has the path",
      );
    }
    const layers = table.map(({ superOptions }) => {
      const directories = parseOverlayOptions(superOptions);
      resolveLayers(
        directories,
        () => ["/visible/at"],
        (path) => path.length % 3 === 0,
      );
      return directories.lower.length;
    });
    checkRoundTrip(text.split("\n").filter((path) => path !== "" && !path.includes("\0")));
    return `${checkStorage(text)} ${about(table.length)} ${root !== undefined} ${about(Math.max(0, ...layers))}`;
  },
};

/** What containers/storage is said to have written names links of that storage only, whatever it is. */
function checkStorage(text: string): string {
  const links = parseLowerFile("/storage/overlay/id/lower", text);
  for (const path of links ?? []) {
    check(dirname(path) === "/storage/overlay/l", "a link lies in the storage's own folder");
    check(!["", ".", ".."].includes(basename(path)), "a link has a name");
  }
  return about(links?.length ?? 0);
}

/** Layers come back as they were given: escaped, joined by colons, with what the kernel prints in octal. */
function checkRoundTrip(paths: readonly string[]): void {
  if (paths.length === 0) return;
  const value = paths.map((path) => path.replaceAll(/[\\:]/g, "\\$&")).join(":");
  const printed = `lowerdir=${value}`.replaceAll(
    /[\\, \t\n#]/g,
    (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
  const [mount] = parseMountinfo(`1 2 0:1 / / rw - overlay overlay rw,${printed},upperdir=/u`);
  checkSame(parseOverlayOptions(mount?.superOptions ?? []).lower, paths, "layers written and read");
}
