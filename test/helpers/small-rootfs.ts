import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";

/** Programs of this machine that a small root file system has. */
const PROGRAMS = ["sh", "cat", "chmod", "env", "mv", "rm", "sleep", "stat"];

/** Makes a root file system of some programs of this machine, with the libraries that they need, and files besides. */
export function smallRootfs(folder: string): string {
  const rootfs = join(folder, "rootfs");
  for (const each of ["usr/bin", "etc", "tmp", "dev", "proc", "sys"])
    mkdirSync(join(rootfs, each), { recursive: true });
  symlinkSync("usr/bin", join(rootfs, "bin"));
  for (const name of PROGRAMS) addProgram(rootfs, name);
  return rootfs;
}

/** Puts a program of this machine, found by PATH, and its libraries into a root file system; at `to`, if given. */
export function addProgram(rootfs: string, name: string, to = `/usr/bin/${name}`): void {
  const source = Bun.which(name);
  if (source === null) throw new Error(`This machine has no ${name}`);
  copy(source, join(rootfs, to));
  chmodSync(join(rootfs, to), 0o755);
  const libraries = Bun.spawnSync(["ldd", source])
    .stdout.toString()
    .matchAll(/(\/\S+) \(0x/g);
  for (const [, library = ""] of libraries) {
    if (!existsSync(join(rootfs, library))) copy(library, join(rootfs, library));
  }
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}
