/** What a traced process did that may open a file. Paths are raw bytes as latin1 text. */
export type StraceEvent =
  /** A file was opened; the path is the one the kernel tells of the new descriptor. */
  | { readonly kind: "open"; readonly path: string }
  /** A program was started; the path is the one that was asked for. */
  | { readonly kind: "exec"; readonly path: string; readonly cwd: string }
  /** The process has a new root: what follows sees the container's files. */
  | { readonly kind: "chroot" };

/** The options that make strace write what `parseStraceLog` reads. */
export const STRACE_OPTIONS = [
  // Descriptors with their paths, every byte of a path in hexadecimal, pids as the log's first column has them.
  ...["-f", "-y", "-xx", "-s", "0", "-qq", "--pidns-translation", "--signal=none"],
  "--trace=open,openat,openat2,creat,execve,execveat,chroot,chdir,fchdir,clone,clone3,fork,vfork",
] as const;

/** A working directory is shared between threads: a box, so that what one changes the others see. */
interface Cwd {
  path: string;
}

interface Call {
  readonly name: string;
  readonly args: string;
  readonly result: string;
}

/** The opens and execs of all processes, in the order in which they succeeded. */
export function parseStraceLog(log: string): StraceEvent[] {
  const events: StraceEvent[] = [];
  const cwds = new Map<number, Cwd>();
  const pending = new Map<number, string>();
  for (const line of log.split("\n")) {
    const [, pidText, text] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (pidText === undefined || text === undefined) continue;
    const pid = Number(pidText);
    const cwd = cwds.get(pid) ?? inheritCwd(cwds, pending);
    cwds.set(pid, cwd);
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(text)?.[1];
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text)?.[1];
    const successor = /^\+\+\+ superseded by execve in pid (\d+) \+\+\+$/.exec(text)?.[1];
    if (unfinished !== undefined) {
      // The one that began last stands last.
      pending.delete(pid);
      pending.set(pid, unfinished);
      continue;
    }
    // A thread that calls execve goes on under the pid of its process.
    if (successor !== undefined) {
      pending.set(pid, pending.get(Number(successor)) ?? "");
      continue;
    }
    const call = parseCall(resumed === undefined ? text : `${pending.get(pid) ?? ""}${resumed}`);
    pending.delete(pid);
    if (call === undefined || call.result.startsWith("-") || call.result.startsWith("?")) continue;
    applyCall(call, cwd, cwds, events);
  }
  return events;
}

function parseCall(text: string): Call | undefined {
  const [, name, args, result] = /^(\w+)\((.*)\) += (.*)$/.exec(text) ?? [];
  if (name === undefined || args === undefined || result === undefined) return undefined;
  return { name, args, result };
}

function applyCall(
  { name, args, result }: Call,
  cwd: Cwd,
  cwds: Map<number, Cwd>,
  events: StraceEvent[],
): void {
  switch (name) {
    case "open":
    case "openat":
    case "openat2":
    case "creat": {
      const path = /^\d+<((?:\\x[0-9a-f]{2})*)>/.exec(result)?.[1];
      // The kernel reports no open for a descriptor that only stands for a path.
      if (path !== undefined && !/\bO_PATH\b/.test(args)) events.push({ kind: "open", path: unhex(path) });
      return;
    }
    case "execve":
      events.push({ kind: "exec", path: firstString(args), cwd: cwd.path });
      return;
    case "execveat": {
      const base = descriptorPath(args) ?? cwd.path;
      const path = firstString(args);
      events.push({ kind: "exec", path: path === "" ? base : path, cwd: base });
      return;
    }
    case "chroot":
      events.push({ kind: "chroot" });
      cwd.path = "/";
      return;
    case "chdir": {
      const path = firstString(args);
      cwd.path = path.startsWith("/") ? path : `${cwd.path}/${path}`;
      return;
    }
    case "fchdir":
      cwd.path = descriptorPath(args) ?? cwd.path;
      return;
    default: {
      // A new process or thread; its pid as strace sees it stands behind the one that the caller sees.
      const child = /\/\* (\d+) in strace's PID NS \*\//.exec(result)?.[1] ?? /^\d+/.exec(result)?.[0];
      if (child !== undefined) cwds.set(Number(child), /\bCLONE_FS\b/.test(args) ? cwd : { path: cwd.path });
    }
  }
}

/** A pid not seen before: a child that runs before its parent's fork has returned, so that the parent waits in one. */
function inheritCwd(cwds: Map<number, Cwd>, pending: Map<number, string>): Cwd {
  const parent = [...pending].findLast(([, call]) => /^(?:clone3?|v?fork)\(/.test(call))?.[0];
  return { path: (parent === undefined ? undefined : cwds.get(parent)?.path) ?? "/" };
}

function firstString(args: string): string {
  return unhex(/"((?:\\x[0-9a-f]{2})*)"/.exec(args)?.[1] ?? "");
}

function descriptorPath(args: string): string | undefined {
  const path = /^(?:\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>/.exec(args)?.[1];
  return path === undefined ? undefined : unhex(path);
}

function unhex(text: string): string {
  return Buffer.from(text.replaceAll("\\x", ""), "hex").toString("latin1");
}
