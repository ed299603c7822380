import { fetchPackages, fetchZooPackages, type Packages, type ZooPackages } from "../rig/packages.ts";
import { fatrace } from "./fatrace.ts";
import { buildPrograms } from "./programs.ts";
import { Scratch } from "./scratch.ts";
import { strace } from "./strace.ts";
import type { Tracer } from "./tracer.ts";

/** What the sections have in common. */
export interface Setup {
  readonly scratch: Scratch;
  /** How many rounds a comparison has; those of short programs have more. */
  readonly rounds: number;
  readonly packages: Packages;
  readonly zooPackages: ZooPackages;
  readonly strace: Tracer;
  readonly fatrace: Tracer;
}

/** Compiles and fetches what is needed. The first time that takes some minutes. */
export async function prepare(rounds: number): Promise<Setup> {
  const log = (line: string) => process.stderr.write(`${line}\n`);
  await buildPrograms();
  const packages = await fetchPackages(log);
  return {
    rounds,
    packages,
    zooPackages: await fetchZooPackages(log),
    strace: strace(packages),
    fatrace: await fatrace(log),
    scratch: Scratch.open(),
  };
}
