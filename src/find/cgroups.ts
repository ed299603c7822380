import type { Runtime } from "./container.ts";

/** A container as the name of a cgroup tells of it. */
export interface CgroupContainer {
  readonly id: string;
  readonly runtime: Runtime;
}

const scopePattern = /^(?:(docker|cri-containerd|crio|libpod)-)?([0-9a-f]{64})(?:\.scope)?$/;

const runtimes: Readonly<Record<string, Runtime>> = {
  docker: "docker",
  "cri-containerd": "containerd",
  crio: "cri-o",
  libpod: "podman",
  libpod_parent: "podman",
  kubepods: "containerd",
};

/**
 * The container that a process is in, from `/proc/<pid>/cgroup`: the innermost cgroup that is named after one.
 * Undefined for a process in no container, and for monitors, whose cgroups have names of another form.
 */
export function containerOfCgroup(text: string): CgroupContainer | undefined {
  for (const line of text.split("\n")) {
    // `hierarchy:controllers:path`; the path may have colons.
    const parts = line.split(":").slice(2).join(":").split("/");
    for (const [index, part] of [...parts.entries()].reverse()) {
      const [, prefix, id] = scopePattern.exec(part) ?? [];
      if (id === undefined) continue;
      const parents = parts.slice(0, index).map((parent) => parent.replace(/\.slice$/, ""));
      const hint = [prefix ?? "", ...parents].find((word) => Object.hasOwn(runtimes, word));
      return { id, runtime: runtimes[hint ?? ""] ?? "runc" };
    }
  }
  return undefined;
}
