import { $ } from "bun";

/** Compiles the C programs of this folder to dist/. Static: they open no files of their own in a container. */
export async function buildPrograms(): Promise<void> {
  for (const name of ["floor", "storm", "start"]) {
    await $`gcc -O2 -Wall -Wextra -static -o dist/${name} scripts/bench/${name}.c -lpthread`;
  }
}
