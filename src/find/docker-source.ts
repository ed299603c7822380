import type { ContainerFacts, Findings } from "./container.ts";
import { dataRootsOf, parseDaemonJson, parseDockerConfig, parseDockerd } from "./docker-config.ts";
import type { Host } from "./host.ts";
import type { Look } from "./look.ts";
import { isContainerId } from "./monitors.ts";

const RECORD_BYTES_MAX = 8 << 20;

/** Docker's own record of a container with this root file system, found by walking up from there. */
export function readDockerRecord(
  host: Host,
  view: string,
  id: string,
  rootPath: string,
): ContainerFacts | undefined {
  for (const dataRoot of [...dataRootsOf(rootPath), "/var/lib/docker"]) {
    const record = readRecord(host, view + dataRoot, id);
    if (record !== undefined) return record;
  }
  return undefined;
}

/** The containers in the data-root of every dockerd, and in the usual one. Which of them run, shims tell. */
export function lookAtDocker({ host, processes, stopped }: Look): Findings {
  if (stopped === "leave out") return { containers: [], looked: [] };
  const daemons = processes.all.flatMap(({ pid, words }) => {
    const flags = parseDockerd(words);
    if (flags === undefined) return [];
    const view = `${host.proc}/${pid}/root`;
    const configured = () => parseDaemonJson(host.read(view + flags.configFile, RECORD_BYTES_MAX, "utf8"));
    const dataRoot = flags.dataRoot ?? configured() ?? "/var/lib/docker";
    return [{ shown: dataRoot, path: view + dataRoot }];
  });
  const usual = { shown: "/var/lib/docker", path: `${host.root}/var/lib/docker` };
  const roots = new Map<string, typeof usual>();
  for (const root of [...daemons, usual]) {
    const identity = host.folderStamp(root.path)?.identity;
    if (identity !== undefined && !roots.has(identity)) roots.set(identity, root);
  }
  const containers = [...roots.values()].flatMap(({ path }) =>
    host.list(`${path}/containers`).flatMap((id) => readRecord(host, path, id) ?? []),
  );
  return { containers, looked: [...roots.values()].map(({ shown }) => shown) };
}

function readRecord(host: Host, dataRoot: string, id: string): ContainerFacts | undefined {
  if (!isContainerId(id)) return undefined;
  const path = `${dataRoot}/containers/${id}/config.v2.json`;
  const record = parseDockerConfig(host.read(path, RECORD_BYTES_MAX, "utf8"));
  return record?.id === id ? record : undefined;
}
