import { realpathSync } from "node:fs";
import { deepestMount } from "../trace/mountinfo.ts";
import { readMounts } from "../trace/process-mounts.ts";

/** Why files that the workload put in the place of the image's cannot be told from them. */
export function whyReplacedListed(rootfs: string | undefined): string {
  if (rootfs === undefined) {
    return "the image's layers and what the container writes are not seen on one file system";
  }
  const path = realpathSync(rootfs, { encoding: "latin1" });
  const fsType = deepestMount(readMounts("self"), `${path}/`)?.fsType ?? "an unknown file system";
  return `${rootfs} lies on ${fsType}, where overlay does not know a changed file again`;
}
