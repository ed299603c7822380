import type { CniFolders } from "./cni.ts";

/** The NRI section of a configuration. */
export interface NriOptions {
  /** Folder of the plugins to start; none by default. */
  readonly pluginPath?: string;
  /** Folder of their configuration. */
  readonly pluginConfigPath?: string;
  /** Whether plugins may connect to the socket; they may by default. */
  readonly connections?: "allowed" | "refused";
}

export interface ContainerdPaths {
  readonly root: string;
  readonly state: string;
  readonly socket: string;
  readonly nriSocket: string;
  readonly cni: CniFolders;
  /** What runs as runc for pods of the handler IDMAP_HANDLER. */
  readonly idmapRunc: string;
}

/** The runtime handler of pods in user namespaces. */
export const IDMAP_HANDLER = "idmap";

/**
 * The configuration of a private containerd. Without restrict_oom_score_adj, a root that lacks CAP_SYS_RESOURCE cannot
 * start a pod; AppArmor's profile could not be loaded in a container.
 */
export function encodeConfig(
  version: "1.7" | "2.1",
  paths: ContainerdPaths,
  pauseImage: string,
  nri: NriOptions | undefined,
): string {
  const text = (value: string) => JSON.stringify(value); // a JSON string is a TOML basic string too
  const common = `
root = ${text(paths.root)}
state = ${text(paths.state)}
disabled_plugins = [${SUPERFLUOUS.map((plugin) => text(plugin)).join(", ")}]

[grpc]
address = ${text(paths.socket)}

[plugins."io.containerd.internal.v1.opt"]
path = ${text(`${paths.root}/opt`)}

[plugins."io.containerd.nri.v1.nri"]
disable = ${nri === undefined}
disable_connections = ${nri?.connections === "refused"}
plugin_path = ${text(nri?.pluginPath ?? `${paths.root}/no-plugins`)}
plugin_config_path = ${text(nri?.pluginConfigPath ?? `${paths.root}/no-config`)}
socket_path = ${text(paths.nriSocket)}
`;
  const runtime = (plugin: string, more = "") => `
[plugins."${plugin}"]
restrict_oom_score_adj = true
disable_apparmor = true
cdi_spec_dirs = []
enable_cdi = false
${more}
[plugins."${plugin}".cni]
bin_dir = ${text(paths.cni.bin)}
conf_dir = ${text(paths.cni.conf)}

[plugins."${plugin}".containerd.runtimes]
runc = { runtime_type = "io.containerd.runc.v2" }
${IDMAP_HANDLER} = { runtime_type = "io.containerd.runc.v2", options = { BinaryName = ${text(paths.idmapRunc)} } }
`;
  switch (version) {
    case "1.7":
      return `version = 2${common}${runtime("io.containerd.grpc.v1.cri", `sandbox_image = ${text(pauseImage)}\n`)}`;
    case "2.1":
      return `version = 3${common}
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = ${text(pauseImage)}
${runtime("io.containerd.cri.v1.runtime")}`;
  }
}

/** Snapshotters of other file systems and the like: they slow the start down and fill the log. */
const SUPERFLUOUS = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
];
