import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";

/** Compiles a program of the rig into `folder`, as one static binary. Returns its path. */
export async function compileProgram(folder: string, name: string): Promise<string> {
  const program = join(folder, name);
  const source = join(import.meta.dir, "programs", `${name}.c`);
  await mkdir(folder, { recursive: true });
  await run(["gcc", "-static", "-O2", "-Wall", "-o", program, source]);
  return program;
}
