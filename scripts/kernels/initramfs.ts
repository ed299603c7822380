import { chmod, copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "../rig/command.ts";
import type { Case } from "./case.ts";
import type { Tools } from "./packages.ts";

/** What a guest is made of. */
export interface Contents {
  readonly tools: Tools;
  /** The program that is tested. */
  readonly program: string;
  readonly cases: readonly Case[];
}

/** Makes the folder that becomes the root of every guest; a case's own folder is `cases/NAME` in it. */
export async function makeTree(tree: string, { tools, program, cases }: Contents): Promise<void> {
  await rm(tree, { recursive: true, force: true });
  for (const name of ["bin", "lib", "lib64", "usr", "modules"]) {
    await mkdir(join(tree, name), { recursive: true });
  }
  await copyFile(join(tools.busybox.folder, "bin/busybox"), join(tree, "bin/busybox"));
  await copyFile(program, join(tree, "bin/optimizer"));
  for (const library of await findLibraries(program)) {
    await mkdir(join(tree, dirname(library)), { recursive: true });
    await copyFile(library, join(tree, library));
  }
  await copyFile(join(import.meta.dir, "init.sh"), join(tree, "init"));
  await chmod(join(tree, "init"), 0o755);
  for (const { name, script, prepare } of cases) {
    const folder = join(tree, "cases", name);
    await mkdir(folder, { recursive: true });
    await prepare?.(folder);
    await writeFile(join(folder, "case.sh"), `${script}\n`);
  }
}

/** Shared libraries and their loader, as this machine has them. */
async function findLibraries(program: string): Promise<string[]> {
  const output = await run(["ldd", program]);
  return [...output.matchAll(/(?:=> )?(\/\S+) \(0x/g)].flatMap(([, path]) => path ?? []);
}

/** Packs the tree and a kernel's module for overlay into `file`. */
export async function packInitramfs(
  tree: string,
  { kernel, tools }: { readonly kernel: string; readonly tools: Tools },
  file: string,
): Promise<void> {
  const found = await run(["find", join(kernel, "usr/lib/modules"), "-name", "overlay.ko*"]);
  const module = found.trim();
  // busybox's insmod takes the plain module only.
  const unpack = module.endsWith(".xz") ? ["xz", "-dc"] : module.endsWith(".zst") ? ["zstd", "-dc"] : ["cat"];
  await run(["sh", "-c", '"$@" > "$0"', join(tree, "modules/overlay.ko"), ...unpack, module]);
  const busybox = join(tools.busybox.folder, "bin/busybox");
  const pack = 'cd "$1" && find . | "$2" cpio -o -H newc -R 0:0 | gzip -1 > "$3"';
  await run(["sh", "-e", "-c", pack, "sh", tree, busybox, file]);
}
