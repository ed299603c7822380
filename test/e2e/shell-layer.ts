import { join } from "node:path";
import type { Layer } from "../../scripts/rig/layers.ts";
import type { Packages } from "../../scripts/rig/packages.ts";

/** A lowest layer with a shell and some commands; all of them are the one file /bin/busybox. */
export function shellLayer({ busybox }: Packages): Layer {
  const commands = ["sh", "cat", "cp", "find", "ln", "mv", "rm", "sed", "sort"];
  return [
    { kind: "copy", path: "/bin/busybox", source: join(busybox.folder, "bin", "busybox"), mode: 0o755 },
    ...commands.map((name) => ({ kind: "symlink", path: `/bin/${name}`, target: "busybox" }) as const),
  ];
}
