import { describeBundle, parseBundle, SPEC_BYTES_MAX } from "./bundle.ts";
import type { Findings, KnownContainer } from "./container.ts";
import { DATABASE, readDatabase } from "./containerd-db.ts";
import { readDockerRecord } from "./docker-source.ts";
import { flagValue, programOf } from "./flags.ts";
import { type Look, settledKey } from "./look.ts";
import { isContainerId, parseShim } from "./monitors.ts";
import { parsePid } from "./process-status.ts";

/** Docker's containers are containerd's too, but what containerd knows of them is little. */
export const DOCKER_NAMESPACE = "moby";

const PID_BYTES_MAX = 64;

/** `<state>/io.containerd.runtime.v2.task/<namespace>`: the bundles of one namespace of one containerd. */
interface TaskFolder {
  readonly namespace: string;
  /** How to get there: through a shim's own view, whichever mount namespace that is in. */
  readonly path: string;
  /** What stands before an absolute path of that view. */
  readonly view: string;
  /** containerd's state folder, as the shim names it. */
  readonly state: string;
  /** All shims of the folder: which of them a container belongs to, none of its files says. */
  readonly monitors: Set<number>;
}

/**
 * The containers of every containerd that has a shim running, and the ones that its metadata tells of besides.
 * A shim works in the bundle of one container; beside that lie the bundles of the whole namespace.
 */
export function lookAtContainerd(look: Look): Findings {
  const folders = taskFolders(look);
  const found = folders.map((folder) => ({ folder, containers: bundlesIn(look, folder) }));
  const databases = new Map(databasePaths(look, folders).map(({ key, path }) => [key, path]));
  const containers = found.flatMap(({ folder, containers }) => {
    // containerd's metadata is not read when the bundles have told all that there is to tell.
    const lacking = new Set(containers.flatMap((each) => (isLacking(each) ? [each.id] : [])));
    const path = lacking.size > 0 ? databases.get(rootKey(look, folder)) : undefined;
    const isWanted = (namespace: string, id: string) => namespace === folder.namespace && lacking.has(id);
    const stored = path === undefined ? [] : readStored(look, path, isWanted);
    return containers.map((container) => complete(container, stored));
  });
  const states = Map.groupBy(folders, ({ state }) => state);
  const looked = [...states].map(
    ([state, each]) =>
      `${state} (${each
        .map(({ namespace }) => namespace)
        .sort()
        .join(", ")})`,
  );
  const stopped =
    look.stopped === "leave out" ? [] : storedBesides(look, [...databases.values()], containers);
  return { containers: [...containers, ...stopped], looked };
}

/** The folders of all shims, each once. */
export function taskFolders({ host, processes }: Pick<Look, "host" | "processes">): TaskFolder[] {
  const folders = new Map<string, TaskFolder>();
  for (const { pid, words } of processes.all) {
    const shim = parseShim(words);
    if (shim === undefined) continue;
    const bundle = host.readLink(`${host.proc}/${pid}/cwd`) ?? "";
    const [, state, namespace] = /^(.*)\/io\.containerd\.runtime[^/]*\/([^/]+)\/[^/]+$/.exec(bundle) ?? [];
    // Whatever poses as a shim, and works elsewhere, is none.
    if (state === undefined || namespace !== shim.namespace) continue;
    const path = `${host.proc}/${pid}/cwd/..`;
    const identity = host.folderStamp(path)?.identity;
    if (identity === undefined) continue;
    const folder = folders.get(identity) ?? {
      namespace,
      path,
      view: `${host.proc}/${pid}/root`,
      state,
      monitors: new Set(),
    };
    folder.monitors.add(pid);
    folders.set(identity, folder);
  }
  return [...folders.values()];
}

function bundlesIn(look: Look, folder: TaskFolder): KnownContainer[] {
  const runtime = folder.namespace === DOCKER_NAMESPACE ? "docker" : "containerd";
  return look.host.list(folder.path).flatMap((id) => {
    const { namespace } = folder;
    if (!isContainerId(id) || look.isSettled(settledKey({ runtime, namespace, id }))) return [];
    const { host } = look;
    const bundle = parseBundle(host.read(`${folder.path}/${id}/config.json`, SPEC_BYTES_MAX, "utf8"));
    if (bundle === undefined) return [];
    const pidThere = parsePid(host.read(`${folder.path}/${id}/init.pid`, PID_BYTES_MAX));
    const pid = pidThere === undefined ? undefined : look.processes.startedBy(folder.monitors, pidThere);
    const described = describeBundle(bundle);
    const docker =
      runtime === "docker" ? readDockerRecord(host, folder.view, id, bundle.rootPath) : undefined;
    const facts = { runtime, namespace, id, ...described, ...docker } as const;
    return [pid === undefined ? facts : { ...facts, pid }];
  });
}

function isLacking({ runtime, name, imageReference, isSandbox }: KnownContainer): boolean {
  return runtime !== "docker" && !isSandbox && (name === "" || imageReference === "");
}

/** What a bundle does not tell; a container that has no name goes by its id. */
function complete(container: KnownContainer, stored: readonly KnownContainer[]): KnownContainer {
  const { id, name, imageReference, isSandbox } = container;
  const same = stored.find((each) => each.id === id);
  return {
    ...container,
    name: isSandbox ? "" : name || same?.name || id,
    imageReference: imageReference || (same?.imageReference ?? ""),
  };
}

/** Containers that have no bundle: they were made, or have ended, and were not removed. */
function storedBesides(
  look: Look,
  paths: readonly string[],
  known: readonly KnownContainer[],
): KnownContainer[] {
  const keys = new Set(known.map(settledKey));
  return paths.flatMap((path) =>
    readStored(
      look,
      path,
      (namespace, id) =>
        namespace !== DOCKER_NAMESPACE && !keys.has(settledKey({ runtime: "containerd", namespace, id })),
    ),
  );
}

function readStored(
  { host }: Look,
  path: string,
  isWanted: (namespace: string, id: string) => boolean,
): KnownContainer[] {
  using file = host.open(path);
  return file === undefined ? [] : readDatabase((offset, length) => file.read(offset, length), isWanted);
}

/** The databases of all containerds, each once, under the identity of their root folder. */
function databasePaths(look: Look, folders: readonly TaskFolder[]): { key: string; path: string }[] {
  const { host, processes } = look;
  const daemons = processes.all.flatMap(({ pid, words }) => {
    if (programOf(words) !== "containerd") return [];
    const view = `${host.proc}/${pid}/root`;
    const config = flagValue(words, "--config", "-c") ?? "/etc/containerd/config.toml";
    return [`${view}${flagValue(words, "--root") ?? configuredRoot(look, view + config)}`];
  });
  const roots = [
    ...folders.map((folder) => rootOf(look, folder)),
    ...daemons,
    `${host.root}/var/lib/containerd`,
  ];
  return roots.flatMap((root) => {
    const key = host.folderStamp(root ?? "")?.identity;
    return key === undefined ? [] : [{ key, path: `${root}/${DATABASE}` }];
  });
}

function rootKey(look: Look, folder: TaskFolder): string {
  return look.host.folderStamp(rootOf(look, folder) ?? "")?.identity ?? "";
}

/** Each bundle has a link `work` to its folder below containerd's root, `<root>/io.containerd…/<namespace>/<id>`. */
function rootOf({ host }: Look, { path, view }: TaskFolder): string | undefined {
  for (const id of host.list(path)) {
    const [, root] =
      /^(\/.*)\/io\.containerd\.[^/]*\/[^/]+\/[^/]+$/.exec(host.readLink(`${path}/${id}/work`) ?? "") ?? [];
    if (root !== undefined) return view + root;
  }
  return undefined;
}

/** `root = "/data/containerd"` at the top of a config.toml. */
function configuredRoot({ host }: Look, path: string): string {
  const text = host.read(path, SPEC_BYTES_MAX, "utf8") ?? "";
  return /^root[ \t]*=[ \t]*["'](\/[^"'\n]*)["']/m.exec(text)?.[1] ?? "/var/lib/containerd";
}
