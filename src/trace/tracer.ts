import { errnoName, errorCode, SyscallError } from "../sys/errno.ts";
import type { MarkScope, NativeTracer, Shim } from "../sys/shim.ts";
import { type ByteStream, openStream } from "../sys/stream.ts";
import type { Mount } from "./mountinfo.ts";
import { isHostRoot, readMounts } from "./process-mounts.ts";
import { type DeviceNumber, type OpenRecord, RecordDecoder, type TraceRecord } from "./records.ts";
import { type Routed, Router } from "./router.ts";
import {
  type ArmOptions,
  type FileOpen,
  type Loss,
  type Trace,
  TraceError,
  type TraceObserver,
} from "./trace.ts";

interface ActiveTrace {
  readonly token: number;
  readonly pid: number;
  readonly scope: MarkScope;
  /** Of the root; in the end, of what the kernel has marked. */
  device: DeviceNumber;
  readonly rootKey: RootKey;
  readonly wholeFileSystem: boolean;
  readonly observer: TraceObserver;
  readonly armed: PromiseWithResolvers<void>;
  state: "preparing" | "marking" | "armed" | "closed";
  mountId: number | undefined;
  /** Of the monotonic clock. */
  armedAtNs: number;
  /** Of the clock that files are stamped with; before the mark. */
  readonly armingAtMs: number;
}

/**
 * Tells a super block from an earlier one that had the same device number, which the kernel gives away again: an
 * overlay's options name its own upper folder. A hash, since they may be long.
 */
type RootKey = number | bigint;

function rootKey({ device, superOptions }: Mount): RootKey {
  return Bun.hash([device, ...superOptions].join("\0"));
}

/** Records of its thread; the others come from helpers. */
const byDrainThread: ReadonlySet<TraceRecord["kind"]> = new Set(["open", "overflow", "lost", "barrier"]);

/** Of thousands of containers that came and went the latest are remembered. */
const GONE_MAX = 4096;

/**
 * Files are stamped with a clock that goes in steps, of a hundredth of a second on the slowest kernels: what is made right
 * after the mark may look older than it. An older file that is taken for a new one costs a look at its inode, no more.
 */
const STAMP_STEP_MS = 10;

/** All traces of this process: one fanotify group, one stream, told apart by mount. */
export class Tracer {
  readonly #native: NativeTracer;
  readonly #decoder = new RecordDecoder();
  readonly #router = new Router<ActiveTrace>(readMounts);
  readonly #traces = new Map<number, ActiveTrace>();
  /** Given up while their mark was under way: it is to be taken back when it comes. */
  readonly #abandoned = new Map<number, ActiveTrace>();
  readonly #barriers = new Map<number, () => void>();
  /** Marks that are being taken back. */
  readonly #unmarking = new Map<number, PromiseWithResolvers<Loss | undefined>>();
  /** Super blocks on which ignore marks of an ended trace may still hide files from the next one. */
  readonly #stale = new Set<DeviceNumber>();
  /** Roots that were said to go with their container, by rootKey(): one that somebody has kept is stale, too. */
  readonly #gone = new Set<RootKey>();
  #stream: ByteStream | undefined;
  #ended = false;
  /** The thread and the group are gone, too. */
  #stopped = false;
  #ignoring = true;
  #lastToken = 0;
  #handled = 0;

  private constructor(native: NativeTracer) {
    this.#native = native;
  }

  /** Starts the group and its drain thread. Throws SyscallError, EPERM without CAP_SYS_ADMIN. */
  static async start(shim: Shim, options: { readonly boundedQueue?: boolean } = {}): Promise<Tracer> {
    const tracer = new Tracer(shim.start(options));
    tracer.#stream = await openStream(
      { fd: tracer.#native.streamFd },
      { data: (chunk) => tracer.#receive(chunk), end: () => tracer.#end() },
    );
    return tracer;
  }

  /** How many traces are under way. */
  get active(): number {
    return this.#traces.size;
  }

  /**
   * Marks the root of a process. Once it resolves, no open of a file there is missed.
   * Rejects with TraceError and leaves nothing behind.
   */
  async arm({ pid, root, observer, timeoutMs, hostRoot }: ArmOptions): Promise<Trace> {
    if (this.#ended) throw tracerEnded();
    if (hostRoot === "refuse" && isHostRoot(root)) {
      throw new TraceError("host-root", `Cannot trace process ${pid}: its root is the host's own`);
    }
    const trace: ActiveTrace = {
      token: ++this.#lastToken,
      pid,
      // An overlay super block belongs to one container. Any other may be the host's whole disk.
      scope: root.fsType === "overlay" ? "filesystem" : "mount",
      device: root.device,
      rootKey: rootKey(root),
      wholeFileSystem: root.fsType === "overlay",
      observer,
      armed: Promise.withResolvers<void>(),
      state: "preparing",
      mountId: undefined,
      armedAtNs: 0,
      armingAtMs: Date.now() - STAMP_STEP_MS,
    };
    if (this.#traces.size === 0) this.#native.queuePeak({ reset: true });
    this.#traces.set(trace.token, trace);
    const deadline = setTimeout(
      () =>
        trace.armed.reject(
          new TraceError("too-late", `Cannot mark process ${pid} within ${Math.round(timeoutMs)} ms`),
        ),
      timeoutMs,
    );
    try {
      await Promise.race([this.#prepareIgnoring(trace), trace.armed.promise]);
      if (this.#ended) throw tracerEnded();
      this.#native.mark(trace.token, pid, trace.scope);
      trace.state = "marking";
      await trace.armed.promise;
    } catch (error) {
      void this.#close(trace, true);
      throw error;
    } finally {
      clearTimeout(deadline);
    }
    return {
      drained: () => this.#drained(),
      close: (rootLives) => this.#close(trace, rootLives),
    };
  }

  /** The most events that waited in the kernel's queue while this trace and others were active. */
  queuePeak(): number {
    return this.#ended ? 0 : this.#native.queuePeak();
  }

  /** Repeated events that were dropped before they reached a trace. */
  repeats(): number {
    return this.#ended ? 0 : this.#native.repeats();
  }

  /** Another number than before when the thread that reads events has read some meanwhile. */
  progress(): number {
    return this.#handled + this.repeats();
  }

  /** Whether it has ended, by stop() or by an error that its thread could not survive. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Ends everything. Traces that are still active are told that they lose events. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#stream?.close();
    this.#native.stop();
  }

  /**
   * The kernel ignores a file after its first event, for the whole group. So a second trace of a
   * super block would miss what the first has seen: then nothing is ignored while both last, and
   * what was ignored is forgotten first. Marks of ended traces have to be gone before ignoring
   * begins again, lest their last events hide files.
   */
  async #prepareIgnoring({ device, rootKey }: ActiveTrace): Promise<void> {
    const isStale = this.#stale.has(device) || this.#gone.has(rootKey);
    if (this.#ignoring !== this.#superBlockIsShared() && !isStale) return;
    await Promise.all([...this.#unmarking.values()].map(({ promise }) => promise));
    if (this.#ended) return;
    this.#stale.clear();
    this.#gone.clear();
    this.#forget(!this.#superBlockIsShared());
    await this.#drained();
  }

  #forget(ignoring: boolean): void {
    this.#ignoring = ignoring;
    this.#native.forget(ignoring);
  }

  #superBlockIsShared(): boolean {
    const devices = new Set<DeviceNumber>();
    for (const trace of this.#traces.values()) devices.add(trace.device);
    return devices.size < this.#traces.size;
  }

  #drained(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    const token = ++this.#lastToken;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#barriers.set(token, resolve);
    try {
      this.#native.barrier(token);
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      // Nobody knows what else stands in the queue, and no answer may come.
      this.#tellAll(`event lost: ${error.code}`);
      this.#barriers.delete(token);
      resolve();
    }
    return promise;
  }

  async #close(trace: ActiveTrace, rootLives: boolean): Promise<Loss | undefined> {
    if (trace.state === "closed") return undefined;
    if (trace.state === "marking") this.#abandoned.set(trace.token, trace);
    trace.state = "closed";
    this.#traces.delete(trace.token);
    this.#router.remove(trace);
    if (this.#ended) return undefined;
    // One that is still being marked is taken back when the mark is there.
    const mountId = rootLives && !this.#abandoned.has(trace.token) ? trace.mountId : undefined;
    const unmarked = mountId === undefined ? undefined : this.#unmark(trace, mountId);
    if (rootLives || !trace.wholeFileSystem) this.#stale.add(trace.device);
    else this.#noteGone(trace.rootKey);
    if (this.#traces.size === 0 && !this.#ignoring) this.#forget(true);
    return await unmarked;
  }

  #noteGone(key: RootKey): void {
    this.#gone.add(key);
    const [oldest] = this.#gone;
    if (this.#gone.size > GONE_MAX && oldest !== undefined) this.#gone.delete(oldest);
  }

  #unmark(trace: ActiveTrace, mountId: number): Promise<Loss | undefined> | undefined {
    if ([...this.#traces.values()].some((other) => shareMark(other, trace, mountId))) return undefined;
    const token = ++this.#lastToken;
    try {
      this.#native.unmark(token, mountId, trace.pid, trace.scope);
    } catch (error) {
      // As many helpers as there can be are at work. The mark costs a little until its mount goes.
      if (error instanceof SyscallError) return undefined;
      throw error;
    }
    const answer = Promise.withResolvers<Loss | undefined>();
    this.#unmarking.set(token, answer);
    return answer.promise;
  }

  #unmarked(token: number, loss?: Loss): void {
    this.#unmarking.get(token)?.resolve(loss);
    this.#unmarking.delete(token);
  }

  #receive(chunk: Uint8Array): void {
    for (const record of this.#decoder.push(chunk)) {
      if (byDrainThread.has(record.kind)) this.#handled++;
      this.#handle(record);
    }
  }

  #handle(record: TraceRecord): void {
    switch (record.kind) {
      case "open":
        return this.#open(record);
      case "overflow":
        return this.#tellAll("queue overflow");
      case "lost":
        return this.#tellAll(`event lost: ${errnoName(record.errno)}`);
      case "arming":
        return this.#arming(record);
      case "marked":
        return this.#marked(record);
      case "unmarked":
        return this.#unmarked(record.token, lossOfMark(errnoName(record.errno)));
      case "barrier":
        return this.#barrierReached(record.token);
    }
  }

  #open(event: OpenRecord): void {
    const routed = this.#router.route(event);
    if (routed === undefined) return;
    const trace = routed.target;
    try {
      trace.observer.open(fileOpen(event, routed));
    } catch (error) {
      // What keeps one file from being recorded, such as EMFILE, is that trace's loss and nobody else's.
      trace.observer.lost(`event lost: ${errorCode(error) ?? String(error)}`);
    }
  }

  #arming({ token, mountId, device }: TraceRecord & { kind: "arming" }): void {
    const trace = this.#traces.get(token);
    if (trace === undefined) return;
    // An overlay's folders have its super block's device, unlike its files.
    if (trace.wholeFileSystem && device !== trace.device) {
      trace.device = device; // that is what gets the mark, which another trace may share
      const why = "its root has changed, or its pid was given away, since it was looked up";
      trace.armed.reject(new TraceError("process-gone", `Cannot trace process ${trace.pid}: ${why}`));
      return;
    }
    if (this.#router.add(mountId, trace)) {
      trace.mountId = mountId;
      trace.armedAtNs = Number.POSITIVE_INFINITY; // until the mark is there
    } else {
      trace.armed.reject(
        new TraceError(
          "already-traced",
          `Cannot trace process ${trace.pid}: its root is being traced already`,
        ),
      );
    }
  }

  #marked(record: TraceRecord & { kind: "marked" }): void {
    const abandoned = this.#abandoned.get(record.token);
    if (abandoned !== undefined) {
      this.#abandoned.delete(record.token);
      if (record.errno === 0) void this.#unmark(abandoned, record.mountId);
    }
    const trace = this.#traces.get(record.token);
    if (trace === undefined) return;
    if (record.errno !== 0) {
      const act = `Cannot trace process ${trace.pid}: cannot ${record.step}: ${errnoName(record.errno)}`;
      const gone = record.errno === 2 || record.errno === 3;
      trace.armed.reject(new TraceError(gone ? "process-gone" : "mark-failed", act));
      return;
    }
    trace.state = "armed";
    trace.armedAtNs = record.timeNs;
    trace.armed.resolve();
  }

  #barrierReached(reached: number): void {
    for (const [token, resolve] of this.#barriers) {
      if (token > reached) continue;
      this.#barriers.delete(token);
      resolve();
    }
  }

  #tellAll(loss: Loss): void {
    for (const trace of this.#traces.values()) trace.observer.lost(loss);
  }

  #end(): void {
    this.#ended = true;
    this.#tellAll("tracer ended");
    for (const trace of this.#traces.values()) {
      trace.armed.promise.catch(() => {}); // only arm() waits for it, if anybody
      trace.armed.reject(tracerEnded());
    }
    this.#barrierReached(Number.POSITIVE_INFINITY);
    for (const token of this.#unmarking.keys()) this.#unmarked(token);
    this.stop();
  }
}

/** What it means when a mark could not be taken back. That the process is gone means nothing. */
function lossOfMark(code: string): Loss | undefined {
  if (code === "ENOENT") return "the mark had vanished";
  return code === "EXDEV" ? "the root file system had been replaced" : undefined;
}

function tracerEnded(): TraceError {
  return new TraceError("tracer-ended", "Cannot trace: the tracer has ended");
}

function fileOpen(event: OpenRecord, { target: trace, path, placed }: Routed<ActiveTrace>): FileOpen {
  const { sizeBytes, mode, deleted, inode, device, exec, pid } = event;
  const elapsedUs = Math.max(0, Math.round((event.timeNs - trace.armedAtNs) / 1000));
  const isNew = event.bornMs >= trace.armingAtMs;
  return { path, sizeBytes, elapsedUs, mode, deleted, inode, device, isNew, exec, pid, unplaced: !placed };
}

/** Whether the mark of `trace` on a mount is at the same time the mark of another trace. */
function shareMark(other: ActiveTrace, trace: ActiveTrace, mountId: number): boolean {
  if (other.scope !== trace.scope) return false;
  return trace.wholeFileSystem ? other.device === trace.device : other.mountId === mountId;
}
