import { existsSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../../scripts/rig/command.ts";
import { type LayerEntry, writeLayer } from "../../scripts/rig/layers.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { TarWriter } from "../../scripts/rig/tar.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import type { TemporaryFolder } from "./temporary-folder.ts";

/** A way to open files, as scripts/rig/programs/ways.c does it. */
export interface Way {
  readonly name: string;
  /** What its folder has. A path relative to `/ways/<name>/`. */
  readonly files: readonly LayerEntry[];
  /** What is listed, in this order: relative to its folder, or absolute. */
  readonly listed: readonly string[];
  /** The file is opened through a mount that is gone, or has no place, when its event is read: no path can be told. */
  readonly placeless?: boolean;
}

/** The program that does it all; it is the first line of every list. */
export const WAYS_PROGRAM = "/bin/ways";

/** The folder of a container's root where the program reports. Looking at it opens no file. */
const REPORT = "report";

/** Where the libraries of a merged /usr lie. */
const LIBRARIES = "/usr/lib/x86_64-linux-gnu";
const LOADER = "/usr/lib64/ld-linux-x86-64.so.2";

const file = (path: string, content = "x"): LayerEntry => ({ kind: "file", path, content });
const script = (path: string, interpreter: string): LayerEntry => ({
  kind: "file",
  path,
  content: `#!${interpreter} nothing\n`,
  mode: 0o755,
});

/** A compiled copy of the program: `static` needs nothing, `dynamic` needs the loader and libc. */
interface Programs {
  readonly static: string;
  readonly dynamic: string;
}

function table(programs: Programs): readonly Way[] {
  const program = (path: string, source = programs.static): LayerEntry => ({
    kind: "copy",
    path,
    source,
    mode: 0o755,
  });
  const one = [file("file")];
  const bound: LayerEntry[] = [file("folder/deep/file"), { kind: "folder", path: "elsewhere" }];
  return [
    { name: "execve", files: [program("program")], listed: ["program"] },
    { name: "execveat", files: [program("program")], listed: ["program"] },
    {
      name: "script",
      files: [script("script", "/ways/script/interpreter"), program("interpreter")],
      listed: ["script", "interpreter"],
    },
    {
      name: "nested",
      files: [
        script("outer", "/ways/nested/middle"),
        script("middle", "/ways/nested/interpreter"),
        program("interpreter"),
      ],
      listed: ["outer", "middle", "interpreter"],
    },
    {
      name: "dynamic",
      files: [program("program", programs.dynamic)],
      listed: ["program", LOADER, `${LIBRARIES}/libc.so.6`],
    },
    { name: "mmap", files: [file("library")], listed: ["library"] },
    { name: "open", files: one, listed: ["file"] },
    { name: "openat", files: [file("folder/file")], listed: ["folder/file"] },
    { name: "openat2", files: one, listed: ["file"] },
    { name: "creat", files: one, listed: ["file"] },
    { name: "append", files: one, listed: ["file"] },
    { name: "handle", files: one, listed: ["file"] },
    // Nothing can be read by it. Linux tells of it up to 6.10.
    { name: "opath", files: one, listed: [] },
    { name: "reopen", files: one, listed: ["file"] },
    { name: "magic", files: [file("one"), file("two")], listed: ["one", "two"] },
    { name: "sendfile", files: one, listed: ["file"] },
    { name: "splice", files: one, listed: ["file"] },
    {
      name: "uring",
      files: [file("inline"), file("worker"), file("direct")],
      listed: ["inline", "worker", "direct"],
    },
    {
      name: "links",
      files: [
        file("end"),
        { kind: "symlink", path: "middle", target: "./end" },
        { kind: "symlink", path: "chain", target: "/ways/links/middle" },
        file("usr/folder/file"),
        { kind: "symlink", path: "merged", target: "usr/folder" },
      ],
      listed: ["end", "usr/folder/file"],
    },
    {
      name: "hardlink",
      files: [file("other"), { kind: "hardlink", path: "used", target: "/ways/hardlink/other" }],
      listed: ["used"],
    },
    {
      name: "hardlinks",
      files: [file("one"), { kind: "hardlink", path: "two", target: "/ways/hardlinks/one" }],
      listed: ["two", "one"],
    },
    { name: "gone", files: one, listed: ["file"] },
    { name: "thread", files: one, listed: ["file"] },
    { name: "vfork", files: one, listed: ["file"] },
    { name: "clone", files: one, listed: ["file"] },
    { name: "chroot", files: [file("root/file")], listed: ["root/file"] },
    { name: "namespace", files: bound, listed: ["folder/deep/file"] },
    { name: "unshared", files: one, listed: ["file"] },
    { name: "bind", files: bound, listed: ["folder/deep/file"] },
    { name: "bound", files: bound, listed: [], placeless: true },
    { name: "detached", files: [file("folder/file")], listed: [], placeless: true },
    { name: "memory", files: [], listed: [] },
    { name: "proc", files: [], listed: [] },
    { name: "volume", files: [], listed: [] },
    { name: "made", files: [], listed: [] },
    { name: "unnamed", files: [], listed: [] },
    { name: "folder", files: [file("folder/file")], listed: [] },
    { name: "fifo", files: [], listed: [] },
    { name: "device", files: [], listed: [] },
    { name: "socket", files: [], listed: [] },
    // Not done with the others, but by a process that joins the container later.
    { name: "exec", files: one, listed: ["file"] },
  ];
}

/** All ways, and the one layer that has what they open. Compiles the program into `folder`. */
export async function makeWays(folder: string): Promise<{ ways: readonly Way[]; layer: LayerEntry[] }> {
  mkdirSync(folder, { recursive: true });
  const programs = { static: join(folder, "ways"), dynamic: join(folder, "ways-dynamic") };
  const source = join(ROOT, "scripts/rig/programs/ways.c");
  const compile = ["gcc", "-O2", "-Wall", "-Wextra", source];
  await run([...compile, "-static", "-o", programs.static]);
  await run([...compile, "-o", programs.dynamic]);
  const ways = table(programs);
  return { ways, layer: [...systemEntries(programs), ...ways.flatMap((way) => [...entriesOf(way)])] };
}

/** What a way gets listed: whole paths. */
export function listedPaths({ name, listed }: Way): string[] {
  return listed.map((path) => (path.startsWith("/") ? path : `/ways/${name}/${path}`));
}

/** The lines of a list that are of this way. */
export function linesOf(way: Way, list: readonly string[]): string[] {
  const expected = listedPaths(way);
  return list.filter((line) => line.startsWith(`/ways/${way.name}/`) || expected.includes(line));
}

/** Waits until the program, told to stay, has done all ways in the root at `folder`. Resolves with each way's errno. */
export async function reportOf(folder: string): Promise<Map<string, number>> {
  const report = join(folder, REPORT);
  await waitFor(() => existsSync(join(report, "done")), {
    what: "the ways to be gone through",
    explain: () => (existsSync(report) ? readdirSync(report).join(" ") : "no report"),
  });
  return new Map(
    readdirSync(report)
      .filter((name) => name.includes("="))
      .map((name) => {
        const [way = "", errno] = name.split("=");
        return [way, Number(errno)];
      }),
  );
}

/** Puts a layer into a folder, which may be the root of a container. */
export async function unpackLayer(layer: Iterable<LayerEntry>, folder: TemporaryFolder, to: string) {
  const path = folder.at("layer.tar");
  using tar = new TarWriter(path);
  writeLayer(tar, layer);
  tar.close();
  await run(["tar", "-x", "-f", path, "-C", to]);
}

function* systemEntries({ static: program }: Programs): Generator<LayerEntry> {
  yield { kind: "copy", path: WAYS_PROGRAM, source: program, mode: 0o755 };
  yield { kind: "folder", path: "/dev" };
  yield { kind: "folder", path: "/proc" };
  // As distributions have them since they merged /usr.
  yield { kind: "symlink", path: "/lib", target: "usr/lib" };
  yield { kind: "symlink", path: "/lib64", target: "usr/lib64" };
  yield { kind: "copy", path: LOADER, source: realpathSync("/lib64/ld-linux-x86-64.so.2"), mode: 0o755 };
  const libc = realpathSync("/lib/x86_64-linux-gnu/libc.so.6");
  yield { kind: "copy", path: `${LIBRARIES}/libc.so.6`, source: libc, mode: 0o755 };
}

function* entriesOf({ name, files }: Way): Generator<LayerEntry> {
  yield { kind: "folder", path: `/ways/${name}` };
  const folders = new Set(["."]);
  for (const entry of files) {
    const path = entry.path.toString();
    const parents: string[] = [];
    for (let parent = dirname(path); !folders.has(parent); parent = dirname(parent)) parents.unshift(parent);
    for (const parent of parents) {
      folders.add(parent);
      yield { kind: "folder", path: `/ways/${name}/${parent}` };
    }
    yield { ...entry, path: `/ways/${name}/${path}` };
  }
}
