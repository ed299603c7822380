import { SPEC_BYTES_MAX } from "./bundle.ts";
import { factsOf } from "./conmon-source.ts";
import type { Findings, KnownContainer } from "./container.ts";
import { type Look, settledKey } from "./look.ts";
import { isContainerId } from "./monitors.ts";
import { parseCrunStatus, parseRuncState } from "./oci-state.ts";

const STATE_BYTES_MAX = 8 << 20;

/**
 * The containers that runc and crun have state of, at its usual places: those made by hand, those of CRI-O where
 * conmon-rs watches them, and those whose monitor was killed.
 */
export function lookAtOciRuntimes(look: Look): Findings {
  const { host } = look;
  const users = host.list(`${host.root}/run/user`).map((uid) => `/run/user/${uid}`);
  const folders = ["/run", ...users].flatMap((run) => [`${run}/runc`, `${run}/crun`]);
  return {
    containers: folders.flatMap((folder) =>
      host.list(host.root + folder).flatMap((id) => inspect(look, folder, id) ?? []),
    ),
    looked: folders.filter((folder) => host.folderStamp(host.root + folder) !== undefined),
  };
}

function inspect(look: Look, folder: string, id: string): KnownContainer | undefined {
  const { host, processes } = look;
  const runtimes = ["podman", "cri-o", "runc"] as const;
  if (!isContainerId(id) || runtimes.some((runtime) => look.isSettled(settledKey({ runtime, id }))))
    return undefined;
  const path = `${host.root}${folder}/${id}`;
  const state =
    parseRuncState(host.read(`${path}/state.json`, STATE_BYTES_MAX, "utf8")) ??
    parseCrunStatus(host.read(`${path}/status`, STATE_BYTES_MAX, "utf8"));
  if (state === undefined) return undefined;
  const spec = host.read(`${host.root}${state.bundle}/config.json`, SPEC_BYTES_MAX, "utf8");
  const facts = factsOf(host, host.root, id, state.bundle, spec) ?? {
    runtime: "runc",
    id,
    name: id,
    imageReference: "",
    isSandbox: false,
  };
  return processes.beganAt(state.pid, state.startTicks) ? { ...facts, pid: state.pid } : facts;
}
