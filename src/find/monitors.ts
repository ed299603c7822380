import { flagValue, programOf } from "./flags.ts";

/** A containerd shim, from its command line. It works in the bundle of one container of `namespace`. */
export interface Shim {
  readonly namespace: string;
  readonly id: string;
}

/** conmon, from its command line: the monitor of one container of Podman or CRI-O. */
export interface Conmon {
  readonly id: string;
  readonly name: string;
  /** A path in conmon's own view. */
  readonly bundle: string;
  readonly pidFile: string;
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

/** Container ids are file names in folders of their runtime: nothing else is looked up. */
export function isContainerId(text: string): boolean {
  return idPattern.test(text);
}

/** `containerd-shim-runc-v2 -namespace k8s.io -id 4f2… -address /run/containerd/containerd.sock` */
export function parseShim(words: readonly string[]): Shim | undefined {
  if (!programOf(words).startsWith("containerd-shim")) return undefined;
  // The short-lived one that starts the shim, or cleans up behind it, has a command as its last word.
  if (["start", "delete"].includes(words.at(-1) ?? "")) return undefined;
  const namespace = flagValue(words, "-namespace", "--namespace") ?? "";
  const id = flagValue(words, "-id", "--id") ?? "";
  return isContainerId(namespace) && isContainerId(id) ? { namespace, id } : undefined;
}

/** `conmon --api-version 1 -c 1224… -u 1224… -r /usr/bin/crun -b /…/userdata -p /…/pidfile -n web …` */
export function parseConmon(words: readonly string[]): Conmon | undefined {
  if (programOf(words) !== "conmon") return undefined;
  const id = flagValue(words, "-c", "--cid") ?? "";
  const bundle = flagValue(words, "-b", "--bundle") ?? "";
  // One for `podman exec` has a uuid of its own.
  if ((flagValue(words, "-u", "--cuuid") ?? id) !== id) return undefined;
  if (!isContainerId(id) || !bundle.startsWith("/")) return undefined;
  return {
    id,
    name: flagValue(words, "-n", "--name") ?? "",
    bundle,
    pidFile: flagValue(words, "-p", "--container-pidfile") ?? "",
  };
}
