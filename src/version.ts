import { release } from "node:os";
import { version as packageVersion } from "../package.json";

/** The version of this program. */
export const version: string = packageVersion;

/** Put in by scripts/build.ts. */
declare const BUILD_COMMIT: string | undefined;

/** What `--version` prints: the program, the commit it was built from, Bun, and the kernel it runs on. */
export function versionText(): string {
  const commit = typeof BUILD_COMMIT === "string" ? BUILD_COMMIT : "run from source";
  return `optimizer ${version} (${commit}), Bun ${Bun.version}, ${process.arch}, Linux ${release()}`;
}
