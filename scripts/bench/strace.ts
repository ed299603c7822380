import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Packages } from "../rig/packages.ts";
import { childrenOf } from "../rig/processes.ts";
import { Rootfs } from "../rig/rootfs.ts";
import { parseStraceLog, STRACE_OPTIONS } from "../rig/strace-log.ts";
import { cpuMs } from "./children.ts";
import { hold, type Program } from "./held.ts";
import { imageFiles } from "./image-files.ts";
import type { Scratch } from "./scratch.ts";
import type { Tracer } from "./tracer.ts";

/** As cheap as it can be: the kernel stops the program at these calls alone, and nothing is looked up. */
const CHEAP = [
  "-f",
  "--seccomp-bpf",
  "-qq",
  "--signal=none",
  "--trace=open,openat,openat2,creat,execve,execveat",
];

/** strace, with its own libraries. */
export function strace(packages: Packages): Tracer {
  return {
    name: "strace -f",
    async watch(program, scratch) {
      const log = join(scratch.make("strace"), "log");
      await using held = await hold(program, scratch, wrapper(packages, [...CHEAP, "-o", log]));
      const passes = await held.go();
      const spentMs = cpuMs(held.pid);
      const root = rootOf(held.pid);
      // A call that failed names no file of the image, or one that another call opens.
      const named = [
        ...readFileSync(log, "latin1").matchAll(/^\d+ +(?:open|creat|exec).*?"((?:[^"\\]|\\.)*)"/gm),
      ];
      const resolved = named.flatMap(([, path = ""]) => root.resolve(path) ?? []);
      return { passes, cpuMs: spentMs, found: imageFiles(resolved, program.layers) };
    },
  };
}

/** The files of the image that a program really opens, by a run under a strace that looks everything up. */
export async function reallyOpened(
  packages: Packages,
  program: Program,
  scratch: Scratch,
): Promise<Set<string>> {
  const log = join(scratch.make("strace"), "log");
  await using held = await hold(program, scratch, wrapper(packages, [...STRACE_OPTIONS, "-o", log]));
  await held.go();
  const root = rootOf(held.pid);
  const opened = parseStraceLog(readFileSync(log, "latin1")).flatMap((event) => {
    if (event.kind === "open") return [event.path];
    return event.kind === "exec" ? root.programFiles(event.path, event.cwd) : [];
  });
  return imageFiles(opened, program.layers);
}

/** The root of the container whose first process is the child of this process. */
function rootOf(stracePid: number): Rootfs {
  const [pid] = childrenOf(stracePid);
  return new Rootfs(`/proc/${pid}/root`);
}

function wrapper({ strace: { folder } }: Packages, options: readonly string[]): string[] {
  return [
    ...["setpriv", "--pdeathsig", "KILL", join(folder, "lib64/ld-linux-x86-64.so.2")],
    ...["--library-path", join(folder, "usr/lib/x86_64-linux-gnu"), join(folder, "usr/bin/strace")],
    ...options,
  ];
}
