import { closeSync, constants, fstatSync, openSync, readlinkSync, type Stats, statSync } from "node:fs";
import { O_PATH } from "../sys/open-flags.ts";

/** As many as the kernel follows. */
const LINKS_MAX = 40;
/** More than a path of 4096 bytes can have. */
const PARTS_MAX = 4096;

/**
 * Opens, as O_PATH does, what a process sees at `path`, whose root is `root`: from `start`, a folder, on. Links are
 * followed inside of that root, and `..` ends there, as for the process itself. The kernel would take an absolute link
 * for one of ours, and so a container could have any file of the host read. The caller closes it. Throws the system's error.
 */
export function openInRoot(root: string, start: string, path: string): number {
  const top = statSync(root);
  let at = openSync(start, O_PATH | constants.O_DIRECTORY);
  const parts = path.split("/");
  try {
    for (let links = 0, count = 0; parts.length > 0; count++) {
      const part = parts.shift() ?? "";
      if (count > PARTS_MAX) throw failure("ELOOP");
      if (part === "" || part === "." || (part === ".." && isSame(fstatSync(at), top))) continue;
      const next = openSync(`/proc/self/fd/${at}/${part}`, O_PATH | constants.O_NOFOLLOW);
      if (!fstatSync(next).isSymbolicLink()) {
        closeSync(at);
        at = next;
        continue;
      }
      closeSync(next);
      if (++links > LINKS_MAX) throw failure("ELOOP");
      const target = readlinkSync(`/proc/self/fd/${at}/${part}`);
      parts.unshift(...target.split("/"));
      if (!target.startsWith("/")) continue;
      const again = openSync(root, O_PATH | constants.O_DIRECTORY);
      closeSync(at);
      at = again;
    }
    return at;
  } catch (error) {
    closeSync(at);
    throw error;
  }
}

/** Whether a process has our root: what the kernel follows for us, it follows for the process. */
export function hasOwnRoot(root: string): boolean {
  return isSame(statSync(root), statSync("/"));
}

function isSame(a: Stats, b: Stats): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}
