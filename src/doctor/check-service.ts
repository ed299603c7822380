import { missingCapabilities, NEEDED_CAPABILITIES, neededCapabilities } from "../sys/capabilities.ts";
import type { Facts, PluginProcess, ProcessRights, TextFile } from "./facts.ts";
import { type Finding, good, type Mend, warning, wrong } from "./finding.ts";

/** The unit that `make install-service` puts in place. */
export const SERVICE = "optimizer.service";

/** What a unit has to say for its sandbox to be one. */
const SANDBOX = [
  "CapabilityBoundingSet",
  "NoNewPrivileges",
  "ProtectSystem",
  "RestrictNamespaces",
  "SystemCallFilter",
] as const;
const REINSTALL: Mend = { advice: "make install-service, and systemctl daemon-reload" };

/** Findings about what the plugins that run may do, and about the unit of the external one while it does not run. */
export function checkService(facts: Facts): Finding[] {
  const { external, runtimes, service } = facts;
  const plugins = [...runtimes.flatMap(({ children }) => children), ...external];
  const runs = external.some(({ rights }) => rights?.unit === SERVICE);
  return [
    ...plugins.flatMap((plugin) => (plugin.rights === undefined ? [] : checkRights(plugin, plugin.rights))),
    // One that runs tells more than its file, to which there may be drop-ins.
    ...(service === undefined || runs ? [] : checkUnit(service)),
  ];
}

function checkRights({ pid, launch }: PluginProcess, rights: ProcessRights): Finding[] {
  const { capabilities, noNewPrivileges, filtered, unit } = rights;
  const missing = missingCapabilities(capabilities);
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(", ");
    const level = missing.some(({ essential }) => essential) ? wrong : warning;
    return [
      level("rights", `pid ${pid} lacks ${names}: ${missing.map(({ loss }) => loss).join("; ")}`, {
        advice: `add ${names} to ${unit === undefined ? "what starts it" : `CapabilityBoundingSet of ${unit}`}`,
      }),
    ];
  }
  if ((capabilities & ~NEEDED_CAPABILITIES) !== 0n || !noNewPrivileges) {
    return [
      warning("rights", `pid ${pid} has more than it needs; its log says why it could not give them up`),
    ];
  }
  if (launch === "external" && unit === SERVICE && !filtered) {
    return [warning("rights", `pid ${pid}: ${SERVICE} does not filter its system calls`, REINSTALL)];
  }
  return [good("rights", `pid ${pid} has what it needs, and no more${filtered ? "; in a sandbox" : ""}`)];
}

/** The unit's own text. */
function checkUnit({ path, text, error }: TextFile): Finding[] {
  if (text === undefined) return [warning("service", `${path} cannot be read: ${error}`)];
  const settings = new Map([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]));
  const set = settings.get("CapabilityBoundingSet");
  const lacking =
    set === undefined || set.startsWith("~")
      ? []
      : neededCapabilities.filter(({ name }) => !set.split(/\s+/).includes(name));
  if (lacking.length > 0) {
    const names = lacking.map(({ name }) => name).join(", ");
    return [wrong("service", `${path}: CapabilityBoundingSet lacks ${names}`, REINSTALL)];
  }
  const off = SANDBOX.filter((key) => !settings.has(key) || settings.get(key) === "no");
  if (off.length > 0) return [warning("service", `${path} has no ${off.join(", ")}`, REINSTALL)];
  return [
    warning("service", `${path} is installed, but does not run`, {
      commands: [`systemctl enable --now ${SERVICE}`],
    }),
  ];
}
