import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PackageSet } from "../rig/package-set.ts";
import { CACHE } from "../rig/paths.ts";
import { cpuMs, start } from "./children.ts";
import { hold } from "./held.ts";
import { imageFiles } from "./image-files.ts";
import type { Tracer } from "./tracer.ts";

const POLL_MS = 5;
const QUIET_MS = 200;
/** It ends by itself after so long, whatever becomes of us. */
const SECONDS_MAX = 600;

/**
 * fatrace. The kernel refuses to tell it of an overlay (EOPNOTSUPP for file handles): it is let see the file system
 * that the layers lie on, where it has their paths.
 */
export async function fatrace(log: (line: string) => void): Promise<Tracer> {
  const recipes = { fatrace: { suite: "bookworm", packages: ["fatrace"], dependencies: "alone" } } as const;
  const { fatrace } = await new PackageSet({ folder: join(CACHE, "fatrace"), recipes }).fetch(log);
  const program = join(fatrace.folder, "usr/sbin/fatrace");
  return {
    name: "fatrace",
    async watch(watched, scratch) {
      const output = join(scratch.make("fatrace"), "log");
      const [cwd = "/"] = watched.layers;
      await using held = await hold(watched, scratch);
      const child = start(
        ["setpriv", "--pdeathsig", "KILL", program, "-c", "-f", "O", "-s", `${SECONDS_MAX}`, "-o", output],
        { cwd, stdio: ["ignore", "ignore", "ignore"] },
      );
      while (child.exitCode === null && !hasMark(child.pid)) await Bun.sleep(POLL_MS);
      if (child.exitCode !== null) return undefined;
      const passes = await held.go();
      const spentMs = await quietCpuMs(child.pid);
      child.kill("SIGINT");
      await child.exited;
      const text = readFileSync(output, "latin1");
      const seen = [...text.matchAll(/^.*\(\d+\): \w+ +(\/.*)$/gm)].flatMap(([, path = ""]) => {
        const layer = watched.layers.find((folder) => path.startsWith(`${folder}/`));
        return layer === undefined ? [] : [path.slice(layer.length)];
      });
      return { passes, cpuMs: spentMs, found: imageFiles(seen, watched.layers) };
    },
  };
}

function hasMark(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/fdinfo`).some((fd) =>
      readFileSync(`/proc/${pid}/fdinfo/${fd}`, "latin1").includes("fanotify sdev:"),
    );
  } catch {
    return false; // it has ended
  }
}

/** The CPU time of a process once it has nothing more to do. */
async function quietCpuMs(pid: number): Promise<number> {
  for (let before = -1; ; ) {
    const now = cpuMs(pid);
    if (now - before < 1) return now;
    before = now;
    await Bun.sleep(QUIET_MS);
  }
}
