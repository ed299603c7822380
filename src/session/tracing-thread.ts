import type { Log } from "../log.ts";
import type { TracingCounts } from "../status/counters.ts";
import type { TracingState } from "../status/find-problems.ts";
import type { Call, Notice, Request } from "./tracing.ts";

/** A thread that does not even begin with a request for so long hangs: in a dead file system, most likely. */
const HANGS_AFTER_MS = 5000;

export interface TracingThreadOptions {
  /** Of the module that runs it. */
  readonly url: string | URL;
  readonly log: Log;
}

/**
 * Tracing in a thread of its own, so that nothing it does, waits for or is stuck in can make an answer to the runtime
 * late: reading an image's layers, a million events, collecting garbage. The thread ends with the process.
 */
export class TracingThread {
  readonly #worker: Worker;
  readonly #log: Log;
  readonly #calls = new Map<number, () => void>();
  readonly #ready = Promise.withResolvers<void>();
  #isReady = false;
  #lastId = 0;
  #watch: Timer | undefined;
  #hangs = false;
  /** Why it cannot do anything any more. */
  #why: string | undefined;
  #counts: TracingCounts | undefined;

  private constructor({ url, log }: TracingThreadOptions) {
    this.#log = log;
    this.#worker = new Worker(url);
    this.#worker.onmessage = ({ data }: MessageEvent<Notice>) => this.#receive(data);
    this.#worker.onerror = ({ message }) => this.#unable(`the tracing thread failed: ${message}`);
    this.#worker.unref();
  }

  /** Starts it. Rejects with an Error when it cannot trace on this host. */
  static async start(options: TracingThreadOptions): Promise<TracingThread> {
    const thread = new TracingThread(options);
    await thread.#ready.promise;
    return thread;
  }

  /**
   * Resolves when the thread has done it: at once when it cannot do anything, or has not looked at earlier requests for
   * a long time. Never rejects.
   */
  request(request: Request): Promise<void> {
    const id = ++this.#lastId;
    if (this.#why !== undefined) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#calls.set(id, resolve);
    this.#worker.postMessage({ id, request } satisfies Call);
    this.#watch ??= setTimeout(() => this.#hang(), HANGS_AFTER_MS);
    return this.#hangs ? Promise.resolve() : promise;
  }

  /** Whether it does what it is asked to. */
  get state(): TracingState {
    if (this.#why !== undefined) return { kind: "unable", why: this.#why };
    return { kind: this.#hangs ? "hangs" : "works" };
  }

  /** What was counted when it was asked last; undefined before. */
  get lastCounts(): TracingCounts | undefined {
    return this.#counts;
  }

  /** What was counted. One that hangs, or is unable, tells nothing new. */
  async count(): Promise<TracingCounts | undefined> {
    if (!this.#hangs) await this.request({ kind: "count" });
    return this.#counts;
  }

  #receive(notice: Notice): void {
    switch (notice.kind) {
      case "ready":
        this.#isReady = true;
        this.#ready.resolve();
        break;
      case "unable":
        this.#unable(notice.why);
        break;
      case "log":
        this.#log[notice.severity](notice.message);
        break;
      case "counts":
        this.#counts = notice.counts;
        break;
      case "done":
        this.#calls.get(notice.id)?.();
        this.#calls.delete(notice.id);
        break;
      case "seen":
        this.#alive(notice.id);
    }
  }

  #alive(seenId: number): void {
    clearTimeout(this.#watch);
    this.#watch = seenId === this.#lastId ? undefined : setTimeout(() => this.#hang(), HANGS_AFTER_MS);
    if (this.#hangs) this.#log.warn("tracing goes on");
    this.#hangs = false;
  }

  /** Nobody waits for it any more until it does something. */
  #hang(): void {
    this.#watch = undefined;
    if (!this.#hangs) {
      this.#log.error(
        "tracing hangs, probably in a file system that does not answer: containers start untraced until it does",
      );
    }
    this.#hangs = true;
    for (const resolve of this.#calls.values()) resolve();
  }

  #unable(why: string): void {
    this.#why = why;
    this.#ready.reject(new Error(why));
    clearTimeout(this.#watch);
    for (const resolve of this.#calls.values()) resolve();
    this.#calls.clear();
    if (this.#isReady) this.#log.error(`nothing is traced any more: ${why}`);
  }
}
