import type { ListedFile } from "../../src/formats/listed-file.ts";
import { Image } from "./readers/image.ts";

/** A list that tries each reader, in latin1. */
export const hostileList: readonly ListedFile[] = [
  { path: "/usr/bin/app", sizeBytes: 4096, elapsedUs: 10, layer: 0 },
  { path: "/usr/lib/libstdc++.so.6", sizeBytes: 2_190_440, elapsedUs: 20, layer: 1 },
  { path: "/etc/with blank", sizeBytes: 0, elapsedUs: 30, layer: 2 },
  { path: "/usr/lib/libc.so.6", sizeBytes: 1_922_136 },
  { path: "/etc/blank at the end " },
  { path: "/etc/no-break blank\xc2\xa0" },
  { path: "/etc/next line\xc2\x85" },
  { path: "/etc/half of one\x85" },
  { path: "/etc/line\nfeed" },
  { path: "/etc/\n/etc/shadow" },
  { path: "/etc/newline at the end\n" },
  { path: "/etc/return\r" },
  { path: "/etc/tab\tinside" },
  { path: "/srv/a::b" },
  { path: "/srv/user@host" },
  { path: "/srv/*" },
  { path: "/srv/[ab]" },
  { path: "/srv/what?" },
  { path: "/#comment" },
  { path: "/srv/#hash" },
  { path: "/srv/back\\slash" },
  { path: '/srv/"quoted",1,2' },
  { path: "/srv/caf\xc3\xa9" },
  { path: "/srv/caf\xe9" },
  { path: `/srv/${"x".repeat(255)}` },
  { path: "/opt/tool" },
  { path: "/opt/tool/run" },
  { path: "/opt/tool/data" },
  { path: "/opt/tool/run" },
  { path: "/usr/bin/gone" },
  { path: "/usr/bin/../bin/app" },
  { path: "//usr/bin/app" },
  { path: "usr/bin/app" },
  { path: "/opt/tool/" },
  { path: "/" },
  { path: "" },
];

/** All that the list names, and what a careless reader or writer would take instead. */
export const hostileImage = new Image([
  ...["/etc/blank at the end", "/etc/no-break blank", "/etc/next line", "/etc/half of one", "/etc/line"],
  ...["/etc/shadow", "/etc/return", "/etc/newline at the end", "/srv/a", "/srv/b", "/srv/whats", "/comment"],
  ...["/opt/tool/unused", "/etc/unused", "/unused"],
  ...hostileList
    .map(({ path }) => path)
    .filter((path) => /^\/[^/]/.test(path) && !/\/\.\.|\/$|^\/opt\/tool$|gone/.test(path)),
]);

const pieces = [
  ..."aB9_.-+@*?[]{}()!^$#%&=~:;'`|<>\\\",\r\t\v\f\n \x01\x7f\x80\x85\xff",
  ...["\xc2\xa0", "\xc2\x85", "\xe2\x80\xa8", "\xe3\x80\x80", "\xef\xbb\xbf", "\xc3\xa9", "\xf0\x9f\x9a\xa2"],
  ...["\xed\xa0\x80", "\xc0\xaf", "::", "**", "lib", ".so.6", "...", "x".repeat(250)],
];

/** A list and the image it is of, from `next`, which gives numbers from 0 to 1. */
export function hostileCase(next: () => number): { files: ListedFile[]; image: Image } {
  const pick = <Type>(from: readonly Type[]): Type => from[Math.floor(next() * from.length)] as Type;
  const upTo = (count: number) => Math.floor(next() * (count + 1));
  const many = <Type>(count: number, make: () => Type) => Array.from({ length: count }, make);
  const isPlain = next() < 0.3;
  const name = () => {
    const made = isPlain ? pick(["a", "b", "c", "d+"]) : many(1 + upTo(3), () => pick(pieces)).join("");
    return made === "." || made === ".." || made.length > 255 ? "n" : made;
  };
  const folders = [""];
  for (let count = upTo(5); count > 0; count--) folders.push(`${pick(folders)}/${name()}`);
  const made = [...tree(many(1 + upTo(25), () => `${pick(folders)}/${name()}`))];
  // What is left of a name when something is cut or taken for something else.
  const decoys = made.flatMap((path) => [
    path.trim(),
    path.split("\n", 1)[0] ?? "",
    path.replace(/\W+$/, "x"),
  ]);
  const image = new Image(tree([...made, ...(next() < 0.5 ? decoys : [])]));
  const listed = made.filter(() => next() < 0.8);
  const above = listed.map((path) => path.slice(0, path.lastIndexOf("/"))).filter((folder) => folder !== "");
  const odd = () =>
    pick([...listed, ...above, "/gone", "/gone/too", "a", "/a/../b", "/./a", "//a", "/a/", "/", ""]);
  const paths = [...listed, ...many(upTo(5), odd)].sort(() => next() - 0.5);
  const files = paths.map((path) => ({ path, sizeBytes: upTo(1e6), elapsedUs: upTo(1e6), layer: upTo(3) }));
  return { files, image };
}

/** The paths that can be the files of one tree: clean, and none is the folder of another. */
function tree(paths: readonly string[]): Set<string> {
  const files = new Set<string>();
  const folders = new Set<string>();
  for (const path of paths) {
    if (!/^(\/(?!\.{1,2}(\/|$))[^/]+)+$/.test(path) || folders.has(path)) continue;
    const above = [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index)).slice(1);
    if (above.some((folder) => files.has(folder))) continue;
    files.add(path);
    for (const folder of above) folders.add(folder);
  }
  return files;
}
