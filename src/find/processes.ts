import type { Host } from "./host.ts";
import { type ProcessStatus, parseStartTime, parseStatus, splitArguments } from "./process-status.ts";

const CMDLINE_BYTES_MAX = 1 << 18;
const STATUS_BYTES_MAX = 1 << 14;
const CGROUP_BYTES_MAX = 1 << 16;

/** Between a monitor and a container's first process stand at most the runtime and its intermediate processes. */
const GENERATIONS_MAX = 4;

/** A process and its command line, which it can set to whatever it likes. */
export interface Process {
  readonly pid: number;
  readonly words: readonly string[];
}

/** The processes of a host at one moment. What else is asked of them is read then, and once. */
export class Processes {
  readonly all: readonly Process[];
  readonly #host: Host;
  readonly #status = new Map<number, ProcessStatus | undefined>();

  constructor(host: Host, all: readonly Process[]) {
    this.#host = host;
    this.all = all;
  }

  /** Reads the command line of every process. */
  static scan(host: Host): Processes {
    return new Processes(
      host,
      listPids(host).map((pid) => ({ pid, words: readWords(host, pid) })),
    );
  }

  /** The process is there and has not ended. */
  isAlive(pid: number): boolean {
    const status = this.status(pid);
    return status !== undefined && status.state !== "Z" && status.state !== "X";
  }

  /**
   * Our number of a process that a monitor (a shim, conmon) calls `pid` and has started itself. A monitor in another
   * pid namespace counts differently. Undefined when it is gone, also when its number now belongs to another process:
   * whatever a process that poses as a monitor claims, it can only name its own descendants.
   */
  startedBy(monitors: ReadonlySet<number>, pid: number): number | undefined {
    const depths = new Set([...monitors].map((monitor) => (this.status(monitor)?.pids.length ?? 1) - 1));
    for (const depth of depths) {
      const candidates = depth === 0 ? [pid] : this.#numbered(pid, depth);
      const found = candidates.find((each) => this.isAlive(each) && this.#descends(each, monitors));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The process began at that time: a number that was given away again does not. */
  beganAt(pid: number, ticks: number): boolean {
    return this.isAlive(pid) && this.startTicks(pid) === ticks;
  }

  /** When it began, in clock ticks since boot. */
  startTicks(pid: number): number | undefined {
    const stat = this.#host.read(`${this.#host.proc}/${pid}/stat`, STATUS_BYTES_MAX);
    return stat === undefined ? undefined : parseStartTime(stat);
  }

  cgroups(pid: number): string {
    return this.#host.read(`${this.#host.proc}/${pid}/cgroup`, CGROUP_BYTES_MAX) ?? "";
  }

  status(pid: number): ProcessStatus | undefined {
    if (!this.#status.has(pid)) {
      const text = this.#host.read(`${this.#host.proc}/${pid}/status`, STATUS_BYTES_MAX);
      this.#status.set(pid, text === undefined ? undefined : parseStatus(text));
    }
    return this.#status.get(pid);
  }

  /** The processes that have the number `pid` in the pid namespace `depth` levels below ours. */
  #numbered(pid: number, depth: number): number[] {
    return this.all.flatMap((each) => (this.status(each.pid)?.pids[depth] === pid ? [each.pid] : []));
  }

  #descends(pid: number, ancestors: ReadonlySet<number>): boolean {
    let parent = this.status(pid)?.parent ?? 0;
    for (let generation = 0; generation < GENERATIONS_MAX && parent > 0; generation++) {
      if (ancestors.has(parent)) return true;
      parent = this.status(parent)?.parent ?? 0;
    }
    return false;
  }
}

export function listPids(host: Host): number[] {
  return host.list(host.proc).flatMap((name) => (/^[1-9]\d*$/.test(name) ? [Number(name)] : []));
}

/** The words of a command line; none of a kernel thread, and of a process that is gone. */
export function readWords(host: Host, pid: number): string[] {
  return splitArguments(host.read(`${host.proc}/${pid}/cmdline`, CMDLINE_BYTES_MAX) ?? "");
}
