import { objectAt, parseJson, textAt } from "../json.ts";
import type { ContainerFacts } from "./container.ts";
import { flagValue, programOf } from "./flags.ts";
import { isContainerId } from "./monitors.ts";

/** Docker's own record of a container: `<data-root>/containers/<id>/config.v2.json`. */
export function parseDockerConfig(text: string | undefined): ContainerFacts | undefined {
  const config = parseJson(text);
  const id = textAt(config, "ID");
  if (!isContainerId(id)) return undefined;
  const inner = objectAt(config, "Config");
  // Of a pod of Kubernetes, by way of cri-dockerd.
  const labels = objectAt(inner, "Labels");
  const podName = textAt(labels, "io.kubernetes.pod.name");
  const isSandbox = textAt(labels, "io.kubernetes.docker.type") === "podsandbox";
  return {
    runtime: "docker",
    id,
    name: isSandbox
      ? ""
      : textAt(labels, "io.kubernetes.container.name") || textAt(config, "Name").replace(/^\//, ""),
    ...(podName === ""
      ? {}
      : { pod: { name: podName, namespace: textAt(labels, "io.kubernetes.pod.namespace") } }),
    imageReference: textAt(inner, "Image"),
    isSandbox,
  };
}

/** What a dockerd's command line says of where its files are; paths are in its own view. */
export interface DockerdFlags {
  readonly dataRoot: string | undefined;
  readonly configFile: string;
}

/** `dockerd -H fd:// --data-root /data/docker`; undefined for another program. */
export function parseDockerd(words: readonly string[]): DockerdFlags | undefined {
  if (programOf(words) !== "dockerd") return undefined;
  return {
    dataRoot: absolute(flagValue(words, "--data-root", "-g", "--graph")),
    configFile: absolute(flagValue(words, "--config-file")) ?? "/etc/docker/daemon.json",
  };
}

/** The data-root that a daemon.json sets. */
export function parseDaemonJson(text: string | undefined): string | undefined {
  const config = parseJson(text);
  return absolute(textAt(config, "data-root") || textAt(config, "graph"));
}

/**
 * The folders that can be the data-root of a container with this root file system: `<data-root>/overlay2/<layer>/merged`,
 * `<data-root>/rootfs/overlayfs/<id>` and the like, with more between when users are remapped. The nearest one first.
 */
export function dataRootsOf(rootPath: string): string[] {
  if (!rootPath.startsWith("/") || rootPath.includes("/../")) return [];
  const parts = rootPath.split("/");
  // At least a driver's folder and a layer's lie below it.
  return [1, 2, 3, 4].flatMap((depth) => {
    const folder = parts.slice(0, -1 - depth).join("/");
    return folder === "" ? [] : [folder];
  });
}

function absolute(path: string | undefined): string | undefined {
  return path?.startsWith("/") ? path : undefined;
}
