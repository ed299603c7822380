import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "../../scripts/rig/paths.ts";
import { openFilesOf } from "../../src/doctor/processes.ts";
import { syscallGroups } from "./syscall-groups.ts";

/** The settings of a unit's [Service] section, in their order; a list continues over several lines. */
export type Unit = ReadonlyMap<string, readonly string[]>;

/** Reads the [Service] section of a systemd unit file. */
export function readUnit(path: string): Unit {
  const [, section = ""] = /^\[Service\]\n(.*?)(?=^\[|$(?![\s\S]))/ms.exec(readFileSync(path, "utf8")) ?? [];
  const unit = new Map<string, string[]>();
  for (const line of section.split("\n")) {
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) unit.set(key, [...(unit.get(key) ?? []), value]);
  }
  return unit;
}

/** What stands for the host's own files and folders inside of the sandbox: `[there, here]`. */
export type Binding = readonly [source: string, target: string];

/**
 * The command line that starts a unit's main process as systemd would, where systemd does not run. All is done by hand
 * but the limits of the control group, see unit-limits.ts. Throws for a setting that it does not know.
 */
export function unitCommand(unit: Unit, bindings: readonly Binding[]): string[] {
  const known = new Set<string>([...handled, ...Object.keys(built), ...withoutEffectHere]);
  const unknown = [...unit.keys()].filter((key) => !known.has(key));
  if (unknown.length > 0) throw new Error(`Cannot apply ${unknown.join(", ")} of the unit`);
  for (const [key, only] of Object.entries(built)) {
    if (value(unit, key) !== only) throw new Error(`Cannot apply ${key} but as ${only}`);
  }
  return [
    ...["unshare", "--mount", "--propagation", "slave", ...(isOn(unit, "PrivateNetwork") ? ["--net"] : [])],
    ...(isOn(unit, "ProtectHostname") ? ["--uts"] : []),
    ...["--", "sh", "-euc", mountScript(unit, bindings), "sh"],
    ...["ionice", "--class", words(unit, "IOSchedulingClass").join(), "--classdata"],
    ...[words(unit, "IOSchedulingPriority").join(), "nice", "-n", words(unit, "Nice").join()],
    ...["prlimit", `--nofile=${openFiles(unit)}`],
    ...["setpriv", `--bounding-set=-all${capabilities(unit)}`, "--inh-caps=-all", "--ambient-caps=-all"],
    ...(isOn(unit, "NoNewPrivileges") ? ["--no-new-privs"] : []),
    ...["--", ...filtered(allowedCalls(unit)), ...words(unit, "ExecStart")],
  ];
}

/** Starts what follows with these system calls and no others, in the way of a unit; see unit-filter.c. */
export function filtered(numbers: Iterable<number>): string[] {
  return [filterProgram(), [...numbers].join()];
}

const handled = [
  "CapabilityBoundingSet",
  "ExecStart",
  "IOSchedulingClass",
  "IOSchedulingPriority",
  "LimitNOFILE",
  "Nice",
  "NoNewPrivileges",
  "PrivateDevices",
  "PrivateNetwork",
  "PrivateTmp",
  "ProtectControlGroups",
  "ProtectHome",
  "ProtectHostname",
  "ProtectKernelTunables",
  "ProtectSystem",
  "ReadWritePaths",
  "RuntimeDirectory",
  "RuntimeDirectoryMode",
  "RuntimeDirectoryPreserve",
  "SystemCallFilter",
] as const;

/** What unit-filter.c does, in this way only. */
const built = {
  RestrictAddressFamilies: "AF_UNIX",
  RestrictNamespaces: "mnt",
  RestrictSUIDSGID: "yes",
  SystemCallArchitectures: "native",
  SystemCallErrorNumber: "EPERM",
} as const;

/** What needs a service manager or a control group, and what forbids only what the program has no call for at all. */
const withoutEffectHere = [
  ...["Type", "ExecStartPre", "Restart", "RestartSec", "MemoryHigh", "MemoryMax", "CPUQuota", "TasksMax"],
  ...["LockPersonality", "ProtectClock", "ProtectKernelLogs", "ProtectKernelModules", "RestrictRealtime"],
] as const;

/** Mounts what the process is to see, and becomes the command that follows. */
function mountScript(unit: Unit, bindings: readonly Binding[]): string {
  const own = words(unit, "RuntimeDirectory").map((name) => `/run/${name}`);
  const writable = [...words(unit, "ReadWritePaths"), ...own];
  const lines = [
    "mount --make-rslave /",
    // Without a trace on the host: what has to be there for them is made in memory.
    ...new Set(bindings.map(([, target]) => dirname(target))),
  ].map((line, index) => (index === 0 ? line : `mkdir -p ${line} && mount -t tmpfs tmpfs ${line}`));
  for (const [source, target] of bindings) {
    lines.push(`if [ -d ${source} ]; then mkdir ${target}; else touch ${target}; fi`);
    lines.push(`mount --bind ${source} ${target}`);
  }
  if (isOn(unit, "PrivateDevices")) {
    lines.push("mount -t tmpfs -o mode=755,nosuid,noexec tmpfs /mnt");
    for (const name of ["null", "zero", "full", "random", "urandom", "tty"]) {
      lines.push(`touch /mnt/${name}; mount --bind /dev/${name} /mnt/${name}`);
    }
    lines.push("mount --move /mnt /dev");
  }
  if (isOn(unit, "PrivateTmp")) lines.push(...privateTmp(ROOT));
  const mode = value(unit, "RuntimeDirectoryMode") ?? "755";
  for (const path of own) lines.push(`mkdir -p ${path} && chmod ${mode} ${path}`);
  for (const path of writable) lines.push(`mount --bind ${path} ${path}`);
  const readOnly = [
    ...(value(unit, "ProtectSystem") === "strict" ? ["/"] : []),
    ...(isOn(unit, "ProtectKernelTunables") ? ["/proc/sys", "/sys"] : []),
    ...(isOn(unit, "ProtectControlGroups") ? ["/sys/fs/cgroup"] : []),
  ];
  const spared = [
    ...writable,
    "/proc",
    "/sys",
    "/dev",
    ...(isOn(unit, "PrivateTmp") ? ["/tmp", "/var/tmp"] : []),
  ];
  lines.push("mount --bind /proc/sys /proc/sys");
  for (const path of readOnly) lines.push(protect(path, path === "/" ? spared : []));
  return [...lines, 'exec "$@"'].join("\n");
}

/** Lines of a script that hide what is in /tmp, but for a checkout there: its images and programs are the host's. */
export function privateTmp(checkout: string): string[] {
  const hide = "for d in /tmp /var/tmp; do mount -t tmpfs tmpfs $d; done";
  if (!/^\/(?:var\/)?tmp\//.test(checkout)) return [hide];
  return [
    `exec 3<${checkout}`,
    hide,
    `mkdir -p ${checkout} && mount --no-canonicalize --rbind /proc/self/fd/3 ${checkout}`,
    "exec 3<&-",
  ];
}

/** Makes a mount and all below it read-only, but for some. */
function protect(path: string, spared: readonly string[]): string {
  const below = path === "/" ? "/" : `${path}/`;
  const patterns = spared.map((each) => `${each}|${each}/*) ;;`).join(" ");
  return (
    `while read -r _ _ _ _ at _; do case $at in ${patterns} ` +
    `${path}|${below}*) mount -o remount,bind,ro "$at" ;; esac; done </proc/self/mountinfo`
  );
}

/** No more than this process itself may have: raising that takes CAP_SYS_RESOURCE. */
function openFiles(unit: Unit): number {
  return Math.min(Number(value(unit, "LimitNOFILE")), openFilesOf("self")?.hard ?? 0);
}

function capabilities(unit: Unit): string {
  return words(unit, "CapabilityBoundingSet")
    .map((name) => `,+${name.replace(/^CAP_/, "").toLowerCase()}`)
    .join("");
}

/** Numbers of the calls that SystemCallFilter lets through: a later line that begins with ~ takes away. */
function allowedCalls(unit: Unit): Set<number> {
  const numbers = syscallNumbers();
  const allowed = new Set<number>();
  for (const line of unit.get("SystemCallFilter") ?? []) {
    const names = line.replace(/^~/, "").split(/\s+/);
    for (const name of names.flatMap((each) => callsOf(each))) {
      const number = numbers.get(name);
      if (number === undefined) throw new Error(`There is no system call ${name}`);
      if (line.startsWith("~")) allowed.delete(number);
      else allowed.add(number);
    }
  }
  return allowed;
}

function callsOf(name: string): string[] {
  if (!name.startsWith("@")) return [name];
  const group = syscallGroups[name];
  if (group === undefined) throw new Error(`The calls of ${name} are not known here`);
  return group.split(" ");
}

/** The number of each system call of this architecture. */
export function syscallNumbers(): Map<string, number> {
  const header = readFileSync("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "latin1");
  return new Map(
    [...header.matchAll(/^#define __NR_(\w+) (\d+)$/gm)].map(([, name = "", number]) => [
      name,
      Number(number),
    ]),
  );
}

function filterProgram(): string {
  const source = join(import.meta.dir, "unit-filter.c");
  const target = join(import.meta.dir, "../../dist/unit-filter");
  mkdirSync(dirname(target), { recursive: true });
  const made = Bun.spawnSync(["cc", "-std=c11", "-O1", "-Wall", "-static", "-o", target, source]);
  if (!made.success) throw new Error(`Cannot compile ${source}: ${made.stderr}`);
  return target;
}

function words(unit: Unit, key: string): string[] {
  return (unit.get(key) ?? []).flatMap((line) => line.split(/\s+/));
}

/** The last value of a setting, which is the one that counts. */
export function value(unit: Unit, key: string): string | undefined {
  return unit.get(key)?.at(-1);
}

function isOn(unit: Unit, key: string): boolean {
  return value(unit, key) === "yes";
}
