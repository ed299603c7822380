import { readdirSync, readFileSync } from "node:fs";
import { mergeListsBy } from "../../src/cli/merge-lists.ts";
import { type Config, defaultConfig } from "../../src/config.ts";
import type { ContainerInfo } from "../../src/session/container.ts";
import { Sessions } from "../../src/session/sessions.ts";
import { loadShim } from "../../src/sys/shim.ts";
import { type HeldContainer, heldContainer, type Layer } from "./held-container.ts";
import { commandLine } from "./program.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary-folder.ts";
import { type StartOptions, startTracer } from "./traced.ts";

/** The runtime that the containers are said to be of. */
export const runtime = { name: "containerd", version: "2.1.9" };
/** The one layer of a container that asks for no other. */
export const files = { "/a": "a", "/b": "bb", "/c": "ccc" };

/** As the plugin does it. */
const mergeLists = mergeListsBy(commandLine([]));

/** Sessions over a real tracer, with their log and a folder for results. */
export async function bench(options: StartOptions & { readonly startCeilingMs?: number } = {}) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const tracer = stack.use(await startTracer(options));
  const lines: string[] = [];
  const log = {
    info: (line: string) => void lines.push(`info ${line}`),
    warn: (line: string) => void lines.push(`warn ${line}`),
    error: (line: string) => void lines.push(`error ${line}`),
  };
  const { startCeilingMs = 5000 } = options;
  const sessions = new Sessions({
    tracer: async () => tracer,
    xattr: loadShim().readXattr,
    log,
    merge: mergeLists,
    startCeilingMs,
  });
  const config = (more: Partial<Config> = {}): Config => ({
    ...defaultConfig,
    persistDir: folder.at("lists"),
    ...more,
  });
  return {
    sessions,
    tracer,
    folder,
    lines,
    config,
    /** Starts a container of these layers, and its session. */
    async start(id: string, more: Partial<Config> = {}, layers: readonly Layer[] = [files]) {
      const container = stack.use(await heldContainer({ root: { kind: "overlay", layers } }));
      await sessions.start(info(id, container), config(more), runtime);
      return container;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** What bench() gives. */
export type Bench = Awaited<ReturnType<typeof bench>>;

/** What the runtime tells of a container. */
export function info(
  id: string,
  { pid }: Pick<HeldContainer, "pid">,
  more: Partial<ContainerInfo> = {},
): ContainerInfo {
  return {
    id,
    name: "web",
    pid,
    imageReference: "docker.io/library/nginx:latest",
    imageDigest: undefined,
    cgroupsPath: "",
    labels: {},
    pod: { name: "pod", namespace: "default", uid: "u", labels: {} },
    ...more,
  };
}

/** How the log names such a container. */
export const label = (id: string): string =>
  `container ${id} (default/pod/web, image docker.io/library/nginx:latest)`;
/** The text of a result. */
export const list = (folder: TemporaryFolder, name = "nginx:latest"): string =>
  readFileSync(folder.at("lists", name), "latin1");
/** The record beside it. */
export const json = (folder: TemporaryFolder, name = "nginx:latest") =>
  JSON.parse(list(folder, `${name}.json`));
/** The names of all files there. */
export const names = (folder: TemporaryFolder): string[] => readdirSync(folder.at("lists")).toSorted();
