import { existsSync, readlinkSync } from "node:fs";
import { release } from "node:os";
import { resolve } from "node:path";
import { CONFIG_PATH, type Config, combineConfig, parseConfig } from "../config.ts";
import { type Answer, askPlugins } from "../status/ask.ts";
import type { ReadStatus } from "../status/read-status.ts";
import { loadShim } from "../sys/shim.ts";
import { ourEntries } from "./check-runtime.ts";
import { SERVICE } from "./check-service.ts";
import type { Facts, HostFacts, RuntimeFacts, RuntimeReport, TextFile } from "./facts.ts";
import { tryPersistDir } from "./gather-persist-dir.ts";
import { addAnswers, childrenOf, findExternal, readPluginFolder } from "./gather-plugins.ts";
import { findRuntimes, readTextFile } from "./gather-runtimes.ts";
import { nriSettings } from "./nri-settings.ts";
import { openFilesOf, type Process, readProcesses, readText } from "./processes.ts";
import { tryTracing } from "./trial.ts";
import { mayServeUs, vantageOf } from "./vantage.ts";

/** What the user may say. */
export interface GatherOptions {
  readonly persistDir: string | undefined;
  readonly config: string | undefined;
  readonly containerdConfig: string | undefined;
  readonly runDir: string | undefined;
}

/** Plugins that are well answer much sooner. */
const ASK_TIMEOUT_MS = 1000;

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
  const host = await gatherHost();
  const runDir = resolve(options.runDir ?? readValues(readTextFile(options.config ?? CONFIG_PATH)).runDir);
  const found = await askPlugins(runDir, ASK_TIMEOUT_MS, peerPids());
  const answers = typeof found === "string" ? [] : found.filter(({ kind }) => kind !== "gone");
  const statuses = answers.flatMap((each) => (each.kind === "answered" ? [each.status] : []));
  const { runtimes, docker } = findRuntimes({
    processes,
    containerdConfig: options.containerdConfig,
    vantageOf,
    mayServeUs,
    toldVersion: (pid) => connectedTo(pid, statuses)?.runtime.version,
  });
  const reports = runtimes.map((runtime) => reportOn(runtime, { program, processes, answers, statuses }));
  const config = findConfig(options.config, reports);
  const values = readValues(config);
  // The folder of a plugin that runs is what counts, where it means the same one here.
  const here = answers.find(({ pid, kind }) => kind === "answered" && pid > 0 && vantageOf(pid) === "here");
  const told = here?.kind === "answered" ? here.status.persistDir : undefined;
  const persistDir = options.persistDir ?? told ?? values.persistDir;
  const children = new Set(reports.flatMap((report) => report.children.map(({ pid }) => pid)));
  return {
    host,
    runtimes: reports,
    docker,
    config,
    configWanted: options.config !== undefined,
    persistDir: tryPersistDir(resolve(persistDir)),
    overwrite: values.overwrite || values.merge,
    external: addAnswers(
      findExternal(processes, process.pid, (pid) => vantageOf(pid) === "here"),
      answers.filter(({ pid }) => !children.has(pid)),
    ),
    elsewhere: findExternal(processes, process.pid, (pid) => vantageOf(pid) === "elsewhere")
      .map(({ pid }) => pid)
      .filter((pid) => !answers.some((answer) => answer.pid === pid)),
    runDir,
    runDirProblem: typeof found === "string" ? found : undefined,
    service: UNIT_FOLDERS.map((folder) => readTextFile(`${folder}/${SERVICE}`)).find(
      ({ error }) => error !== "ENOENT",
    ),
    program,
    systemd: existsSync("/run/systemd/system"),
  };
}

/** What is wrong with single keys is told elsewhere; the others count. */
function readValues({ text = "" }: TextFile): Config {
  return combineConfig(parseConfig(text).values, {});
}

/** How the process at the other end of a socket is told; undefined without a shim. */
function peerPids(): ((fd: number) => number) | undefined {
  try {
    return loadShim().peerPid;
  } catch {
    return undefined;
  }
}

function connectedTo(pid: number | undefined, statuses: readonly ReadStatus[]): ReadStatus | undefined {
  if (pid === undefined) return undefined;
  return statuses.find(({ connected, runtimePid }) => connected && runtimePid === pid);
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

/** What a runtime is looked at with. */
interface ReportContext {
  readonly program: string | undefined;
  readonly processes: readonly Process[];
  readonly answers: readonly Answer[];
  readonly statuses: readonly ReadStatus[];
}

function reportOn(runtime: RuntimeFacts, context: ReportContext): RuntimeReport {
  const { program, processes, answers, statuses } = context;
  const connected = connectedTo(runtime.process?.pid, statuses);
  const settings = nriSettings(runtime);
  if ("problem" in settings || runtime.vantage === "elsewhere") {
    return { runtime, plugins: undefined, children: [], connected };
  }
  const { pluginPath } = settings;
  const plugins = readPluginFolder(pluginPath, program);
  const ours = ourEntries(plugins ?? []).map(({ name }) => name);
  const children = childrenOf(runtime.process?.pid, pluginPath, ours, processes);
  const its = answers.filter(({ pid }) => children.some((child) => child.pid === pid));
  return { runtime, plugins, children: addAnswers(children, its), connected };
}

/** The plugin's configuration, where a runtime looks for it: by the plugin's file name, with and without index. */
function findConfig(flag: string | undefined, reports: readonly RuntimeReport[]): TextFile {
  if (flag !== undefined) return readTextFile(flag);
  for (const { runtime, plugins } of reports) {
    const settings = nriSettings(runtime);
    if ("problem" in settings || runtime.vantage === "elsewhere") continue;
    const name = ourEntries(plugins ?? [])[0]?.name ?? PLUGIN_NAME;
    const files = [name, name.slice("02-".length)].map((each) =>
      readTextFile(`${settings.pluginConfigPath}/${each}.conf`),
    );
    const found = files.find(({ error }) => error !== "ENOENT") ?? files[0];
    if (found !== undefined) return found;
  }
  return readTextFile(CONFIG_PATH);
}
