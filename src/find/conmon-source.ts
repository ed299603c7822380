import { dirname } from "node:path/posix";
import { describeBundle, managerOf, parseBundle, SPEC_BYTES_MAX } from "./bundle.ts";
import type { ContainerFacts, Findings, KnownContainer } from "./container.ts";
import type { Host } from "./host.ts";
import { type Look, settledKey } from "./look.ts";
import { type Conmon, parseConmon } from "./monitors.ts";
import { parsePid } from "./process-status.ts";
import { parseGraphRoot, parseStorage, STORAGE_FILES } from "./storage.ts";

const PID_BYTES_MAX = 64;
const STORAGE_BYTES_MAX = 64 << 20;

/** The containers of Podman and CRI-O: those that a conmon watches, and those in their storage besides. */
export function lookAtConmon(look: Look): Findings {
  const { host, processes } = look;
  const containers: KnownContainer[] = [];
  const folders: string[] = [];
  for (const { pid, words } of processes.all) {
    const conmon = parseConmon(words);
    if (conmon === undefined) continue;
    const view = `${host.proc}/${pid}/root`;
    const container = watched(look, pid, view, conmon);
    if (container !== undefined) containers.push(container);
    folders.push(view + dirname(dirname(conmon.bundle)));
  }
  if (look.stopped === "leave out") return { containers, looked: [] };
  const storages = storageFolders(host);
  const stored = [...new Set([...folders, ...storages])].flatMap((folder) => readStorage(host, folder));
  return { containers: [...containers, ...stored], looked: storages.map((path) => shown(host, path)) };
}

function watched(look: Look, monitor: number, view: string, conmon: Conmon): KnownContainer | undefined {
  const { host, processes } = look;
  const { id } = conmon;
  const isSettled = (["podman", "cri-o"] as const).some((runtime) =>
    look.isSettled(settledKey({ runtime, id })),
  );
  if (isSettled) return undefined;
  const path = `${view}${conmon.bundle}/config.json`;
  const facts = factsOf(host, view, id, conmon.bundle, host.read(path, SPEC_BYTES_MAX, "utf8"));
  if (facts === undefined) return undefined;
  const pidThere = parsePid(host.read(view + conmon.pidFile, PID_BYTES_MAX));
  const pid = pidThere === undefined ? undefined : processes.startedBy(new Set([monitor]), pidThere);
  const runtime = facts.runtime === "runc" ? "podman" : facts.runtime;
  // The name that conmon is told is Podman's own; CRI-O's is made of the pod's and more.
  const name = runtime === "podman" ? conmon.name : facts.name;
  return { ...facts, runtime, name, ...(pid === undefined ? {} : { pid }) };
}

/** What a bundle, and the storage that it lies in, tell of a container of Podman, CRI-O or a bare OCI runtime. */
export function factsOf(
  host: Host,
  view: string,
  id: string,
  bundlePath: string,
  spec: string | undefined,
): ContainerFacts | undefined {
  const bundle = parseBundle(spec);
  if (bundle === undefined) return undefined;
  const runtime = managerOf(bundle);
  const facts = { runtime, id, ...describeBundle(bundle) };
  if (runtime !== "podman") return { ...facts, name: facts.name || (facts.isSandbox ? "" : id) };
  const stored = readStorage(host, view + dirname(dirname(bundlePath))).find((each) => each.id === id);
  return {
    ...facts,
    name: facts.name || (stored?.name ?? ""),
    imageReference: facts.imageReference || (stored?.imageReference ?? ""),
  };
}

function readStorage(host: Host, folder: string): ContainerFacts[] {
  return STORAGE_FILES.flatMap((file) =>
    parseStorage(host.read(`${folder}/${file}`, STORAGE_BYTES_MAX, "utf8")),
  );
}

/** The `<driver>-containers` folders of root's storage, and of users' at its usual place. */
function storageFolders(host: Host): string[] {
  const { root } = host;
  const configured = parseGraphRoot(host.read(`${root}/etc/containers/storage.conf`, SPEC_BYTES_MAX, "utf8"));
  const homes = [`${root}/root`, ...host.list(`${root}/home`).map((user) => `${root}/home/${user}`)];
  const storages = [
    root + (configured ?? "/var/lib/containers/storage"),
    ...homes.map((home) => `${home}/.local/share/containers/storage`),
  ];
  return storages.flatMap((storage) =>
    host.list(storage).flatMap((name) => (name.endsWith("-containers") ? [`${storage}/${name}`] : [])),
  );
}

function shown(host: Host, path: string): string {
  return dirname(path.slice(host.root.length));
}
