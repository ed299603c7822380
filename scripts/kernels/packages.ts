import { join } from "node:path";
import { PackageSet, type Recipe, type Unpacked } from "../rig/package-set.ts";
import { CACHE } from "../rig/paths.ts";
import type { Kernel } from "./kernel.ts";

/** What is downloaded and made for the kernels. */
export const FOLDER = join(CACHE, "kernels");

const TOOLS = {
  qemu: { suite: "bookworm", packages: ["qemu-system-x86"], dependencies: "closure" },
  busybox: { suite: "bookworm", packages: ["busybox-static"], dependencies: "alone" },
} as const satisfies Record<string, Recipe>;

export type Tools = Readonly<Record<keyof typeof TOOLS, Unpacked>>;

/** Fetches and unpacks QEMU and what a guest is made of, unless they are there. */
export function fetchTools(log: (line: string) => void): Promise<Tools> {
  return new PackageSet({ folder: join(FOLDER, "tools"), recipes: TOOLS }).fetch(log);
}

/** The same for one kernel. Rejects when no suite that this machine reaches has it. */
export async function fetchKernel({ name, recipe }: Kernel, log: (line: string) => void): Promise<Unpacked> {
  const set = new PackageSet({ folder: join(FOLDER, name), recipes: { kernel: recipe } });
  return (await set.fetch(log)).kernel;
}
