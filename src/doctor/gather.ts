import { existsSync, readlinkSync } from "node:fs";
import { release } from "node:os";
import { resolve } from "node:path";
import { CONFIG_PATH, defaultConfig, parseConfig } from "../config.ts";
import { loadShim } from "../sys/shim.ts";
import { ourEntries } from "./check-runtime.ts";
import { SERVICE } from "./check-service.ts";
import type { Facts, HostFacts, RuntimeFacts, RuntimeReport, TextFile } from "./facts.ts";
import { tryPersistDir } from "./gather-persist-dir.ts";
import { childrenOf, findExternal, readPluginFolder } from "./gather-plugins.ts";
import { findRuntimes, readTextFile } from "./gather-runtimes.ts";
import { nriSettings } from "./nri-settings.ts";
import { openFilesOf, type Process, readProcesses, readText } from "./processes.ts";
import { tryTracing } from "./trial.ts";

/** What the user may say. */
export interface GatherOptions {
  readonly persistDir: string | undefined;
  readonly config: string | undefined;
  readonly containerdConfig: string | undefined;
}

const PLUGIN_NAME = "02-optimizer-nri-plugin";

/** In the order in which systemd looks. */
const UNIT_FOLDERS = ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

/** Numbers of the first namespaces of the machine (linux/proc_ns.h). */
const INITIAL_USER_NAMESPACE = "user:[4026531837]";
const INITIAL_PID_NAMESPACE = "pid:[4026531836]";

/** Looks at this host. Changes nothing, but for a file in persist_dir that is there for an instant. */
export async function gatherFacts(options: GatherOptions): Promise<Facts> {
  const processes = readProcesses();
  // Not built, it is Bun that runs.
  const program = Bun.main.startsWith("/$bunfs/") ? process.execPath : undefined;
  const [host, { runtimes, docker }] = await Promise.all([
    gatherHost(),
    findRuntimes(processes, options.containerdConfig),
  ]);
  const reports = runtimes.map((runtime) => reportOn(runtime, program, processes));
  const config = findConfig(options.config, reports);
  const values = config.text === undefined ? {} : parseConfig(config.text).values;
  return {
    host,
    runtimes: reports,
    docker,
    config,
    configWanted: options.config !== undefined,
    persistDir: tryPersistDir(resolve(options.persistDir ?? values.persistDir ?? defaultConfig.persistDir)),
    overwrite: values.overwrite === true || values.merge === true,
    external: findExternal(processes, process.pid),
    service: UNIT_FOLDERS.map((folder) => readTextFile(`${folder}/${SERVICE}`)).find(
      ({ error }) => error !== "ENOENT",
    ),
    program,
    systemd: existsSync("/run/systemd/system"),
  };
}

async function gatherHost(): Promise<HostFacts> {
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText("/proc/self/status"))?.[1] ?? "0";
  const groups = Number.parseInt(readText("/proc/sys/fs/fanotify/max_user_groups"), 10);
  return {
    uid: process.geteuid?.() ?? -1,
    capabilities: BigInt(`0x${capabilities}`),
    userNamespace: namespaceOf("user") === INITIAL_USER_NAMESPACE ? "initial" : "own",
    pidNamespace: namespaceOf("pid") === INITIAL_PID_NAMESPACE ? "initial" : "own",
    kernel: release(),
    trial: await tryTracing(loadShim),
    openFiles: openFilesOf("self") ?? { soft: 0, hard: 0 },
    maxUserGroups: Number.isNaN(groups) ? undefined : groups,
  };
}

function namespaceOf(kind: "user" | "pid"): string {
  return readlinkSync(`/proc/self/ns/${kind}`);
}

function reportOn(
  runtime: RuntimeFacts,
  program: string | undefined,
  processes: readonly Process[],
): RuntimeReport {
  const settings = nriSettings(runtime);
  if ("problem" in settings) return { runtime, plugins: undefined, children: [] };
  const { pluginPath } = settings;
  const plugins = readPluginFolder(pluginPath, program);
  const ours = ourEntries(plugins ?? []).map(({ name }) => name);
  return { runtime, plugins, children: childrenOf(runtime.process?.pid, pluginPath, ours, processes) };
}

/** The plugin's configuration, where a runtime looks for it: by the plugin's file name, with and without index. */
function findConfig(flag: string | undefined, reports: readonly RuntimeReport[]): TextFile {
  if (flag !== undefined) return readTextFile(flag);
  for (const { runtime, plugins } of reports) {
    const settings = nriSettings(runtime);
    if ("problem" in settings) continue;
    const name = ourEntries(plugins ?? [])[0]?.name ?? PLUGIN_NAME;
    const files = [name, name.slice("02-".length)].map((each) =>
      readTextFile(`${settings.pluginConfigPath}/${each}.conf`),
    );
    const found = files.find(({ error }) => error !== "ENOENT") ?? files[0];
    if (found !== undefined) return found;
  }
  return readTextFile(CONFIG_PATH);
}
