import { checkOpenFiles } from "./check-host.ts";
import { checkPluginProcess } from "./check-running.ts";
import { quote } from "./edit.ts";
import type { Facts, PluginEntry, RuntimeFacts, RuntimeReport } from "./facts.ts";
import { type Finding, good, type Mend, warning, wrong } from "./finding.ts";
import {
  enableNri,
  enablePlugin,
  isAtLeast,
  type NriSettings,
  nriSettings,
  type Place,
} from "./nri-settings.ts";

const PLUGIN_NAME = "02-optimizer-nri-plugin";
/** What NRI takes for the name of a plugin. Anything else that could be executed ends the runtime's start. */
const ACCEPTED_NAME = /^\d\d-.+$/;

/** Findings about a runtime, its NRI, and the plugin in it. */
export function checkRuntime(report: RuntimeReport, facts: Facts): Finding[] {
  const { runtime } = report;
  if (runtime.vantage === "elsewhere") return checkElsewhere(report, facts);
  const settings = nriSettings(runtime);
  if ("problem" in settings) {
    return [
      checkVersion(runtime),
      wrong("NRI", `${describePlace(settings)}: ${settings.problem}`, {
        advice: `${runtime.kind} does not start with it; mend it with an editor`,
      }),
    ];
  }
  const limits = runtime.process?.openFiles;
  return [
    checkVersion(runtime),
    ...(limits === undefined ? [] : [checkOpenFiles("its files", limits)]),
    ...checkDisabled(runtime, settings),
    ...checkNri(report, settings),
    ...checkFolder(report, settings),
    checkPlugin(report, settings, facts),
    ...checkRunning(report, settings, facts),
  ];
}

/** Of a runtime that sees other files than we do nothing is guessed, and nothing proposed that would edit a file. */
function checkElsewhere(report: RuntimeReport, facts: Facts): Finding[] {
  const { runtime, connected } = report;
  const advice = "run optimizer doctor where it runs: on the node itself, outside of the pod";
  return [
    checkVersion(runtime),
    connected === undefined
      ? warning(
          "NRI",
          `${runtime.kind} has other mounts than we do: its configuration cannot be seen from here`,
          {
            advice,
          },
        )
      : good("NRI", "on: a plugin is connected"),
    ...(facts.external.length > 0
      ? checkExternals(facts)
      : [warning(RUNNING, `whether a plugin of ${runtime.kind} runs cannot be told from here`, { advice })]),
  ];
}

function checkVersion({ kind, program, version, process }: RuntimeFacts): Finding {
  const [major, minor] = kind === "containerd" ? [1, 7] : [1, 26];
  const where = process === undefined ? program : `${program}, pid ${process.pid}`;
  if (version === undefined) {
    return warning(kind, `${where}: its version cannot be told; NRI needs ${major}.${minor}`);
  }
  if (version === `${major}.x`) {
    return warning(
      kind,
      `${version} (${where}): NRI needs ${major}.${minor}; a connected plugin tells the rest`,
    );
  }
  if (!isAtLeast(version, major, minor)) {
    return wrong(kind, `${version} (${where}) is too old: NRI needs ${major}.${minor}`, {
      advice: `update ${kind}`,
    });
  }
  return good(kind, `${version} (${where})`);
}

function checkDisabled(runtime: RuntimeFacts, { disabled }: NriSettings): Finding[] {
  return disabled.map((each) =>
    wrong(
      each.word.includes("nri") ? "NRI" : "CRI",
      `switched off in ${describePlace(each)}: disabled_plugins has "${each.word}"`,
      byCommand(enablePlugin(runtime, each), `take "${each.word}" out of disabled_plugins`),
    ),
  );
}

function checkNri({ runtime, connected, children }: RuntimeReport, settings: NriSettings): Finding[] {
  const { enabled, place, disabled } = settings;
  if (disabled.some(({ word }) => word.includes("nri"))) return []; // said already
  const where =
    place === undefined
      ? `by default of ${runtime.kind} ${runtime.version ?? (enabled === true ? "2.0 and newer" : "before 2.0")}`
      : `in ${describePlace(place)}`;
  if (enabled === true) return [good("NRI", `on ${where}`)];
  if (enabled === "unknown") {
    if (connected !== undefined || children.length > 0) return [good("NRI", "on: a plugin is connected")];
    const since = runtime.kind === "containerd" ? "2.0" : "1.30";
    return [
      warning(
        "NRI",
        `not set: on by default since ${runtime.kind} ${since}, and this version cannot be told`,
        {
          advice: `${runtime.program} --version tells; older ones need it switched on`,
        },
      ),
    ];
  }
  const setting = runtime.kind === "containerd" ? "disable = false" : "enable_nri = true";
  const mend = byCommand(enableNri(runtime), `set ${setting} there, in the section of NRI`);
  return [wrong("NRI", `off ${where}`, mend)];
}

/** A runtime that finds an executable of another name there does not start at all. */
function checkFolder({ plugins }: RuntimeReport, { pluginPath }: NriSettings): Finding[] {
  if (plugins === undefined) return [];
  const bad = plugins.filter(
    ({ kind, name, executable, target }) =>
      kind !== "directory" &&
      executable &&
      (!ACCEPTED_NAME.test(name) || (kind === "link" && target === undefined)),
  );
  if (bad.length === 0) return [good("folder", `${pluginPath}: each executable is named NN-name`)];
  return bad.map(({ name, kind, target }) => {
    const path = `${pluginPath}/${name}`;
    const accepted = ACCEPTED_NAME.test(name);
    const what = accepted
      ? "leads nowhere"
      : `is ${kind === "link" ? "a link" : "executable"} but not named NN-name`;
    return wrong("folder", `${path} ${what}: the runtime does not start with it`, {
      ...(kind === "link" && target !== undefined ? { advice: `it leads to ${target}, which stays` } : {}),
      commands: [kind === "link" ? `rm ${quote(path)}` : `chmod a-x ${quote(path)}`],
    });
  });
}

/** The entries that are this program. */
export function ourEntries(plugins: readonly PluginEntry[]): PluginEntry[] {
  return plugins.filter(
    ({ name, kind, same }) =>
      kind !== "directory" && ACCEPTED_NAME.test(name) && (same === "same" || name.includes("optimizer")),
  );
}

function checkPlugin({ plugins = [] }: RuntimeReport, { pluginPath }: NriSettings, facts: Facts): Finding {
  const [ours, ...more] = ourEntries(plugins);
  const path = `${pluginPath}/${ours?.name ?? PLUGIN_NAME}`;
  if (ours === undefined) {
    if (facts.external.length > 0) return good("plugin", `not in ${pluginPath}; it was started by itself`);
    if (facts.elsewhere.length > 0) return checkPosing(facts, "plugin", `not in ${pluginPath}`);
    return wrong("plugin", `not installed in ${pluginPath}`, install(facts.program, path));
  }
  const copies = more.filter(({ executable }) => executable);
  if (!ours.executable) {
    return wrong("plugin", `${path} is not executable: runtimes pass over it`, {
      commands: [`chmod 755 ${quote(path)}`],
    });
  }
  if (copies.length > 0) {
    const names = copies.map(({ name }) => name);
    return warning("plugin", `${path} is there a second time, as ${names.join(", ")}: each traces`, {
      commands: names.map((name) => `chmod a-x ${quote(`${pluginPath}/${name}`)}`),
    });
  }
  if (ours.same === "other") {
    return warning("plugin", `${path} is another build than this one`, install(facts.program, path));
  }
  return good("plugin", path);
}

function install(program: string | undefined, path: string): Mend {
  if (program === undefined) return { advice: "make install-optimizer" };
  return { commands: [`install -D -m 755 ${quote(program)} ${quote(path)}`] };
}

const RUNNING = "running";

function checkRunning(report: RuntimeReport, settings: NriSettings, facts: Facts): Finding[] {
  const { runtime, children } = report;
  const { process, kind } = runtime;
  if (process === undefined) {
    const start = facts.systemd
      ? { commands: [`systemctl start ${serviceOf(kind)}`] }
      : { advice: `start ${kind}` };
    return [wrong(RUNNING, `${kind} does not run`, start)];
  }
  const [child] = children;
  const [external] = facts.external.filter(({ answer }) => answer !== undefined);
  if (child !== undefined && external !== undefined) {
    const text = `twice, pid ${child.pid} of the runtime and pid ${external.pid}: each traces`;
    const isHere = external.pid > 0; // else it has no number in this pid namespace
    return [
      warning(
        RUNNING,
        text,
        isHere ? { commands: [`kill ${external.pid}`] } : { advice: "end the one in the pod" },
      ),
    ];
  }
  if (child === undefined && facts.external.length > 0) return checkExternals(facts);
  if (child === undefined && facts.elsewhere.length > 0)
    return [checkPosing(facts, RUNNING, `no child of ${kind}`)];
  const changed = changedSince(report, facts);
  if (child === undefined) {
    return [wrong(RUNNING, `no: ${whyNot(report, settings, changed)}`, restart(report))];
  }
  const outdated = child.replaced ? "it is of a build that was replaced since" : changed;
  if (outdated !== undefined) {
    return [warning(RUNNING, `pid ${child.pid}, but ${outdated}`, restart(report))];
  }
  return checkPluginProcess(child, `started by ${kind}`, facts);
}

/** Any process of root's may call itself the plugin: one with other mounts is a pod's, or a stranger. */
function checkPosing({ elsewhere }: Facts, check: string, what: string): Finding {
  return warning(
    check,
    `${what}, but pid ${elsewhere.join(" and ")}, which has other mounts, may be a pod's plugin`,
    {
      advice: "ask it there: kubectl exec POD -- optimizer status",
    },
  );
}

/** Findings about plugins that no runtime has started. */
export function checkExternals(facts: Facts): Finding[] {
  return facts.external.flatMap((each) =>
    checkPluginProcess(
      each,
      each.launch === "external" ? "started by itself" : "started by its runtime",
      facts,
    ),
  );
}

function whyNot(
  { plugins = [] }: RuntimeReport,
  { enabled }: NriSettings,
  changed: string | undefined,
): string {
  if (enabled === false) return "NRI is off";
  if (ourEntries(plugins).length === 0) return "it is not installed";
  return changed ?? "it could not be started, or it ended; its log is in syslog, tag optimizer-nri-plugin";
}

/** What a runtime reads when it starts and that was changed since. */
function changedSince({ runtime, plugins = [] }: RuntimeReport, { config }: Facts): string | undefined {
  // /proc tells the start to a hundredth of a second, and of the boot to a second.
  const startedAtMs = (runtime.process?.startedAtMs ?? 0) + 1000;
  const files = [...runtime.config, config];
  const file = files.find(({ changedAtMs = 0 }) => changedAtMs > startedAtMs);
  if (file !== undefined) return `${file.path} was changed since`;
  const entry = ourEntries(plugins).find(({ changedAtMs }) => changedAtMs > startedAtMs);
  return entry === undefined ? undefined : `${entry.name} was installed since`;
}

function restart({ runtime: { kind, process } }: RuntimeReport): Mend {
  if (process?.unit !== undefined) return { commands: [`systemctl restart ${process.unit}`] };
  return { advice: `restart ${kind}${process === undefined ? "" : `, pid ${process.pid}`}` };
}

function serviceOf(kind: RuntimeFacts["kind"]): string {
  return kind === "containerd" ? "containerd" : "crio";
}

function byCommand(commands: readonly string[] | undefined, advice: string): Mend {
  return commands === undefined ? { advice } : { commands };
}

function describePlace({ path, line }: Place): string {
  return line === undefined ? path : `${path}, line ${line}`;
}
