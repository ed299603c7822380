import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const OVERLAYFS_MAGIC = 0x794c7630;

/** A folder that is removed with all that is in it: `using folder = temporaryFolder()`. */
export interface TemporaryFolder extends Disposable {
  readonly path: string;
  /** A path in it. */
  at(...parts: readonly string[]): string;
}

/** A file system in memory. */
export const MEMORY = "/dev/shm";

/** Makes one in `parent`: by default on a file system that overlay takes as its upper layer. */
export function temporaryFolder(parent = defaultParent()): TemporaryFolder {
  const path = mkdtempSync(join(parent, "optimizer-test-"));
  return {
    path,
    at: (...parts) => join(path, ...parts),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

function defaultParent(): string {
  return statfsSync(tmpdir()).type === OVERLAYFS_MAGIC ? MEMORY : tmpdir();
}
