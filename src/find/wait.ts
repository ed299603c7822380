import { setTimeout } from "node:timers/promises";
import { type ContainerFacts, type FoundContainer, running } from "./container.ts";
import { taskFolders } from "./containerd-source.ts";
import { programOf } from "./flags.ts";
import { Host, type HostOptions } from "./host.ts";
import { lookAround } from "./list.ts";
import { settledKey } from "./look.ts";
import { isOfImage, namesOf } from "./names.ts";
import { listPids, Processes, readWords } from "./processes.ts";

/**
 * Measured on 2 cores that were busy with other things: waiting costs 2 % of one while no process is started (the last
 * pid tells, and /proc need not be listed) and 5 % with 900 processes there, 10 % with 100 new ones a second besides.
 */
const POLL_MS = 20;

/**
 * The runtime holds a container's process for some 10 ms before it becomes the container's program: that is when to find
 * it. With this it was found so in 57 of 60 starts by containerd, Docker and Podman on 2 busy cores; at 20 ms, in half.
 */
const HOT_POLL_MS = 3;
const HOT_MS = 150;

/** For so long after something that may be the beginning of a container, all that is new is looked at. */
const LOOK_MS = 5000;

/** Whatever was missed is seen after this long. */
const SURE_LOOK_MS = 2000;

/** For so long a new process may take to become its program, or to be shown in /proc, when the host is busy. */
const YOUNG_MS = 2000;

const LOADAVG_BYTES_MAX = 256;

/** An id that is typed by hand is longer than a name that happens to be the beginning of one. */
const ID_CHARS_MIN = 12;

export interface WaitOptions extends HostOptions {
  readonly signal: AbortSignal;
  /** Called once, when all containers that run were looked at and none was it. */
  readonly onLook?: (running: number) => void;
  /** What about a container that runs already; it is taken by default. */
  readonly already?: "take" | "ignore";
}

/**
 * Waits for a container by id, name or image, and resolves as soon as it has a process: with most runtimes that is
 * their own, which is held and has not become the container's program yet. Rejects with the signal's reason alone.
 */
export async function waitForContainer(query: string, options: WaitOptions): Promise<FoundContainer> {
  const { signal, onLook, already = "take" } = options;
  const watch = new Watch(new Host(options));
  const ignored = new Set<number>();
  for (let isFirst = true; ; isFirst = false) {
    signal.throwIfAborted();
    const fresh = watch.turn();
    if (isFirst && already === "ignore") for (const { pid } of fresh) ignored.add(pid);
    const found = fresh.find((each) => isMeant(query, each) && !ignored.has(each.pid));
    if (found !== undefined) return found;
    if (isFirst) onLook?.(fresh.length);
    await setTimeout(watch.pauseMs(), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

function isMeant(query: string, container: ContainerFacts): boolean {
  const { id, isSandbox } = container;
  if (id === query || (query.length >= ID_CHARS_MIN && id.startsWith(query))) return true;
  return namesOf(container).includes(query) || (!isSandbox && isOfImage(query, container));
}

/** Sees containers begin, by what changes in /proc and in the folders of bundles. */
class Watch {
  readonly #host: Host;
  /** Command lines by pid. */
  #words = new Map<number, readonly string[]>();
  /** Processes whose command lines are read again, since they may not have become their program yet. */
  readonly #young = new Map<number, { readonly seenAtMs: number; readAgainAtMs: number }>();
  /** The folders of bundles: a container in a pod that runs already gets no shim of its own. */
  #folders: readonly string[] = [];
  /** When they were last changed. */
  #stamps = "";
  #lastPid: string | undefined;
  #lastPidAtMs = Number.NEGATIVE_INFINITY;
  #newsAtMs = Number.NEGATIVE_INFINITY;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** Containers of which all is known, with their process: they need not be looked at again. */
  readonly #settled = new Map<string, number>();

  constructor(host: Host) {
    this.#host = host;
  }

  /** How long to wait for the next turn. */
  pauseMs(): number {
    return performance.now() - this.#newsAtMs < HOT_MS ? HOT_POLL_MS : POLL_MS;
  }

  /** The containers that have a process now and had none before; also those of which too little is known so far. */
  turn(): FoundContainer[] {
    const nowMs = performance.now();
    const isDue = nowMs - this.#lookedAtMs > SURE_LOOK_MS;
    if (isDue || !this.#isQuiet(nowMs)) this.#listProcesses(nowMs);
    // Not one after the other: both remember what they have seen.
    const isNews = [this.#readYoung(nowMs), this.#haveFoldersChanged()].includes(true);
    if (isNews) this.#newsAtMs = nowMs;
    if (!isDue && nowMs - this.#newsAtMs > LOOK_MS) return [];
    this.#lookedAtMs = nowMs;
    return this.#look();
  }

  #look(): FoundContainer[] {
    const all = [...this.#words].map(([pid, words]) => ({ pid, words }));
    const processes = new Processes(this.#host, all);
    for (const [key, pid] of this.#settled) {
      if (!this.#words.has(pid)) this.#settled.delete(key); // it may be started again
    }
    const isSettled = (key: string) => this.#settled.has(key);
    const look = { host: this.#host, processes, stopped: "leave out", isSettled } as const;
    const fresh = lookAround(look).containers.flatMap((each) => running(each) ?? []);
    for (const container of fresh) {
      const { name, imageReference, isSandbox, pid } = container;
      if (isSandbox || (name !== "" && imageReference !== "")) this.#settled.set(settledKey(container), pid);
    }
    const tasks = taskFolders(look).map(({ path }) => path);
    this.#folders = [...tasks, ...["/run/runc", "/run/crun"].map((folder) => this.#host.root + folder)];
    return fresh;
  }

  /**
   * No process was started of late, by the number that was given to one last, so that /proc need not be listed. A
   * process has its number for a while before it is shown. The kernel tells the number of the reader's pid namespace,
   * which must be the one of /proc.
   */
  #isQuiet(nowMs: number): boolean {
    const { proc } = this.#host;
    if (this.#host.readLink(`${proc}/self`) !== `${process.pid}`) return false;
    const lastPid = this.#host.read(`${proc}/loadavg`, LOADAVG_BYTES_MAX)?.trim().split(" ").at(-1);
    if (lastPid === undefined || lastPid !== this.#lastPid) this.#lastPidAtMs = nowMs;
    this.#lastPid = lastPid;
    return nowMs - this.#lastPidAtMs > YOUNG_MS;
  }

  #listProcesses(nowMs: number): void {
    const before = this.#words;
    this.#words = new Map(listPids(this.#host).map((pid) => [pid, before.get(pid) ?? []]));
    for (const pid of this.#words.keys()) {
      if (!before.has(pid)) this.#young.set(pid, { seenAtMs: nowMs, readAgainAtMs: nowMs });
    }
  }

  /** Reads command lines that may have changed. Returns whether one of a shim, conmon or runtime is new among them. */
  #readYoung(nowMs: number): boolean {
    let isNews = false;
    for (const [pid, young] of this.#young) {
      const before = this.#words.get(pid);
      if (before === undefined) this.#young.delete(pid);
      if (before === undefined || nowMs < young.readAgainAtMs) continue;
      const words = readWords(this.#host, pid);
      this.#words.set(pid, words);
      const isMonitor = monitorPattern.test(programOf(words));
      isNews ||= isMonitor && programOf(words) !== programOf(before);
      // At double the age each time: most processes have become their program, or ended, at the second.
      const ageMs = nowMs - young.seenAtMs;
      young.readAgainAtMs = nowMs + ageMs;
      if (ageMs > YOUNG_MS) this.#young.delete(pid);
    }
    return isNews;
  }

  #haveFoldersChanged(): boolean {
    const before = this.#stamps;
    this.#stamps = this.#folders.map((path) => this.#host.folderStamp(path)?.changedMs).join(" ");
    return this.#stamps !== before;
  }
}

const monitorPattern = /^(?:containerd-shim|conmon|runc|crun)/;
