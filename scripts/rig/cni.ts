import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Where a container runtime finds the plugins that make the networks of pods, and what they are told. */
export interface CniFolders {
  readonly bin: string;
  readonly conf: string;
}

/** containerd calls `loopback` besides whatever its configuration names. */
const PLUGINS = ["loopback", "rig"];

/** Says that a pod has an address, which containerd insists on, and does nothing: its network has no interface. */
const PLUGIN = `#!/bin/sh
case $CNI_COMMAND in
ADD) echo '{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"'$CNI_NETNS'"}],"ips":[{"address":"192.0.2.1/32","interface":0}]}' ;;
VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.3.1","0.4.0","1.0.0"]}' ;;
esac
`;

/** The folders of a CNI in one of its own. */
export function cniFolders(folder: string): CniFolders {
  return { bin: join(folder, "bin"), conf: join(folder, "net.d") };
}

/** Makes the folders of a CNI whose networks have nothing in them. */
export async function makeEmptyCni(folders: CniFolders): Promise<void> {
  for (const path of Object.values(folders)) await mkdir(path, { recursive: true });
  for (const name of PLUGINS) await writeFile(join(folders.bin, name), PLUGIN, { mode: 0o755 });
  const network = { cniVersion: "1.0.0", name: "rig", plugins: [{ type: "rig" }] };
  await Bun.write(join(folders.conf, "10-rig.conflist"), JSON.stringify(network));
}
