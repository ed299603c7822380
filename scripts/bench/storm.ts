import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Program } from "./held.ts";
import type { Scratch } from "./scratch.ts";

/** A program that does nothing but open files; see storm.c. */
export interface StormOptions {
  readonly files: number;
  readonly threads: number;
  readonly passes: number;
  /** The size of each; empty ones are made and removed faster. */
  readonly fileBytes?: number;
}

const FILE_BYTES = 2600;

/** Storms of as many files have the same layer, which the first one makes. */
export function storm(
  scratch: Scratch,
  { files, threads, passes, fileBytes = FILE_BYTES }: StormOptions,
): Program {
  const layer = join(scratch.folder, `layer-${files}-${fileBytes}`);
  mkdirSync(layer, { recursive: true });
  const numbers = [files, fileBytes, threads, passes].map(String);
  return { layers: [layer], passes, command: (folder) => ["dist/storm", layer, folder, ...numbers] };
}
