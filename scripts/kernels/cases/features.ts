import { join } from "node:path";
import { run } from "../../rig/command.ts";
import type { Case } from "../case.ts";
import type { Features } from "../kernel.ts";

/** The kernel can do what kernel.ts says of it, asked without the program that is tested. */
export const features: Case = {
  name: "features",
  script: "./features",
  onHost: false,
  async prepare(folder) {
    const source = join(import.meta.dir, "features.c");
    await run([
      "cc",
      "-static",
      "-O1",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-o",
      join(folder, "features"),
      source,
    ]);
  },
  check({ exitCode, stdout, stderr }, kernel) {
    if (exitCode !== 0) return [`exit code ${exitCode}: ${stderr.trim()}`];
    const found = JSON.parse(stdout) as Features;
    return Object.entries(kernel?.features ?? {}).flatMap(([name, expected]) => {
      const value = found[name as keyof Features];
      return value === expected ? [] : [`${name} is ${value}, expected ${expected}`];
    });
  },
};
