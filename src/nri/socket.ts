import type { StreamSource } from "../sys/stream.ts";
import { NriError } from "./error.ts";

/** Where runtimes listen for external plugins, unless they are configured otherwise. */
export const DEFAULT_SOCKET_PATH = "/var/run/nri/nri.sock";

/** How this process became a plugin, and what follows from it. */
export interface Launch {
  /**
   * `pre-launched`: the runtime started us with a connected socket, and nobody starts us again. `external`: somebody
   * else did, and we dial.
   */
  readonly kind: "pre-launched" | "external";
  /**
   * A descriptor comes without close-on-exec: set it (src/sys) before anything is spawned. A child that inherits the
   * socket keeps the connection up after our death, and the runtime waits for a plugin that is gone.
   */
  readonly source: StreamSource;
  readonly name: string;
  readonly idx: string;
}

/** What `findLaunch()` decides by. Options are undefined where the user gave none. */
export interface LaunchHints {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The path we were started by. In a compiled Bun program that is not `process.argv[0]` but /proc/self/cmdline. */
  readonly argv0: string;
  readonly socketPath?: string | undefined;
  readonly name?: string | undefined;
  readonly idx?: string | undefined;
}

/**
 * Finds the socket and the identity, in the order of the Go plugins: a socket path that was asked for, the inherited
 * socket (NRI_PLUGIN_SOCKET), the default path; and name and index from options, environment, file name (`NN-name`).
 * Throws an `NriError` ("socket-env", "identity").
 */
export function findLaunch(hints: LaunchHints): Launch {
  const { env, socketPath } = hints;
  const fdText = env["NRI_PLUGIN_SOCKET"];
  if (socketPath === undefined && fdText !== undefined) {
    return { kind: "pre-launched", source: { fd: parseFd(fdText) }, ...findIdentity(hints) };
  }
  const identity = findIdentity(hints);
  // NRI 0.12 checks names of external plugins; the earlier ones take these as well.
  if (!/^[A-Za-z0-9_.+-]+$/.test(identity.name)) {
    throw new NriError(
      "identity",
      `Cannot register as "${identity.name}": a name has letters, digits and "_.+-" only`,
    );
  }
  return { kind: "external", source: { path: socketPath ?? DEFAULT_SOCKET_PATH }, ...identity };
}

function parseFd(text: string): number {
  const fd = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (fd === undefined) {
    throw new NriError(
      "socket-env",
      `Cannot use NRI_PLUGIN_SOCKET="${text}": it must be a descriptor number`,
    );
  }
  return fd;
}

function findIdentity({ env, argv0, name, idx }: LaunchHints): { name: string; idx: string } {
  const envIdx = env["NRI_PLUGIN_IDX"] || undefined;
  if (idx !== undefined && envIdx !== undefined && idx !== envIdx) {
    throw new NriError("identity", `Cannot use index "${idx}": the runtime has set NRI_PLUGIN_IDX=${envIdx}`);
  }
  const base = argv0.slice(argv0.lastIndexOf("/") + 1);
  const [, baseIdx, baseName] = /^(\d\d)-(.+)$/.exec(base) ?? [];
  const givenIdx = idx ?? envIdx;
  const givenName = name ?? (stripIdx(env["NRI_PLUGIN_NAME"], envIdx) || undefined);
  // As in the Go plugins: with an index but no name, the whole file name is the name.
  const found = { idx: givenIdx ?? baseIdx, name: givenName ?? (givenIdx === undefined ? baseName : base) };
  if (!found.idx || !found.name) {
    throw new NriError(
      "identity",
      `Cannot derive the plugin's index and name from the file name "${base}": ` +
        "it is not NN-name (use --idx and --name)",
    );
  }
  if (!/^\d\d$/.test(found.idx)) {
    throw new NriError("identity", `Cannot use index "${found.idx}": it must be two digits`);
  }
  return { idx: found.idx, name: found.name };
}

/** NRI 0.3.0 (containerd 1.7.0 to 1.7.6) puts "idx-name" where the later ones put the name. */
function stripIdx(name: string | undefined, idx: string | undefined): string | undefined {
  const prefix = `${idx}-`;
  return name?.startsWith(prefix) ? name.slice(prefix.length) : name;
}
