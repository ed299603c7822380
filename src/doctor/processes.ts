import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { OpenFiles, ProcessRights } from "./facts.ts";

/** A process as /proc tells of it. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** At most 15 characters. */
  readonly name: string;
  readonly args: readonly string[];
  /** The path of its executable; undefined for one of the kernel, a dead one, or another user's. */
  readonly program: string | undefined;
  /** The executable was removed or replaced. */
  readonly replaced: boolean;
  readonly startedAtMs: number;
}

const TICKS_PER_SECOND = 100; // USER_HZ, as everywhere in Linux
const DELETED_SUFFIX = " (deleted)";

/** All processes that can be seen. */
export function readProcesses(): Process[] {
  const bootMs = Number(/^btime (\d+)$/m.exec(readText("/proc/stat"))?.[1] ?? 0) * 1000;
  return readdirSync("/proc").flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    const found = parseStat(readText(`/proc/${entry}/stat`));
    if (found === undefined) return []; // gone since
    const program = readLink(`/proc/${entry}/exe`);
    const replaced = program?.endsWith(DELETED_SUFFIX) ?? false;
    return [
      {
        pid: Number(entry),
        parent: found.parent,
        name: found.name,
        args: readText(`/proc/${entry}/cmdline`).split("\0").slice(0, -1),
        program: replaced ? program?.slice(0, -DELETED_SUFFIX.length) : program,
        replaced,
        startedAtMs: bootMs + (found.startTicks * 1000) / TICKS_PER_SECOND,
      },
    ];
  });
}

/** The name, in parentheses, may have blanks and parentheses itself. */
export function parseStat(text: string): { name: string; parent: number; startTicks: number } | undefined {
  const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(text) ?? [];
  const fields = rest?.trimEnd().split(" ") ?? [];
  if (name === undefined || fields.length < 20) return undefined;
  return { name, parent: Number(fields[1]), startTicks: Number(fields[19]) };
}

/** The systemd unit that a process belongs to. */
export function unitOf(pid: number): string | undefined {
  return parseUnit(readText(`/proc/${pid}/cgroup`));
}

/**
 * The unified hierarchy's line, or the one that systemd has for itself. `exactly`: the unit's own cgroup, and none below,
 * where a runtime may have its containers.
 */
export function parseUnit(cgroup: string, where: "within" | "exactly" = "within"): string | undefined {
  const path = /^(?:0:|\d+:name=systemd):(.*)$/m.exec(cgroup)?.[1];
  const parts = path?.split("/") ?? [];
  return (where === "exactly" ? parts.slice(-1) : parts).find((part) => part.endsWith(".service"));
}

/** The limits of open files; undefined when the process is gone. */
export function openFilesOf(pid: number | "self"): OpenFiles | undefined {
  return parseOpenFiles(readText(`/proc/${pid}/limits`));
}

export function parseOpenFiles(limits: string): OpenFiles | undefined {
  const [, soft, hard] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? [];
  if (soft === undefined || hard === undefined) return undefined;
  return { soft: toLimit(soft), hard: toLimit(hard) };
}

function toLimit(text: string): number {
  return text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text);
}

/** What a process may do; undefined when it is gone. */
export function rightsOf(pid: number): ProcessRights | undefined {
  return parseRights(readText(`/proc/${pid}/status`), unitOf(pid));
}

export function parseRights(status: string, unit: string | undefined): ProcessRights | undefined {
  const permitted = /^CapPrm:\t([0-9a-f]+)$/m.exec(status)?.[1];
  if (permitted === undefined) return undefined;
  return {
    capabilities: BigInt(`0x${permitted}`),
    noNewPrivileges: /^NoNewPrivs:\t1$/m.test(status),
    filtered: /^Seccomp:\t2$/m.test(status),
    unit,
  };
}

/** The value of a flag on a command line, in any of its forms: `--config F`, `--config=F`, `-c F`. */
export function flagOf(args: readonly string[], ...names: readonly string[]): string | undefined {
  for (const [index, word] of args.entries()) {
    const [flag = "", ...value] = word.split("=");
    if (!names.includes(flag)) continue;
    return value.length > 0 ? value.join("=") : args[index + 1];
  }
  return undefined;
}

/** The text of a file of /proc; empty when it is not there. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
