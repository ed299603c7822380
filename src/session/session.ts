import { release } from "node:os";
import { type CsvStyle, formatBytes } from "../formats/csv.ts";
import {
  type Counts,
  type EndReason,
  formatProvenance,
  isComplete,
  type Provenance,
} from "../formats/provenance.ts";
import { type FoundLayers, findLayers } from "../image/host-layers.ts";
import type { LayerReader } from "../image/layers.ts";
import { formatReference, parseReference } from "../image/reference.ts";
import { plural } from "../plural.ts";
import { Recording } from "../record/recording.ts";
import { ResultFiles, type ResultTarget, type Written } from "../record/result-files.ts";
import { RECORDER } from "../record/temporary.ts";
import { Gate } from "../trace/gate.ts";
import type { Mount } from "../trace/mountinfo.ts";
import { openFiles } from "../trace/open-files.ts";
import { isHostRoot, rootOf } from "../trace/process-mounts.ts";
import { type ArmOptions, type Trace, TraceError, type TraceObserver } from "../trace/trace.ts";
import type { Tracer } from "../trace/tracer.ts";
import { version } from "../version.ts";
import { otherContainerOf } from "./cgroup.ts";
import { closeTrace } from "./close-trace.ts";
import type { ContainerInfo } from "./container.ts";

/** Which runtime a container belongs to. */
export interface RuntimeInfo {
  readonly name: string;
  readonly version: string;
}

/** What a session is made of. */
export interface SessionOptions {
  readonly container: ContainerInfo;
  /** Of the process whose root is traced. */
  readonly pid: number;
  readonly runtime: RuntimeInfo;
  readonly target: ResultTarget;
  readonly csvStyle: CsvStyle;
  readonly tracer: Tracer;
  readonly xattr: LayerReader["xattr"];
  /** Files that the workload made itself are listed too. */
  readonly runtimeFiles: boolean;
  /** Told of what goes wrong while it lasts, and does not end it. */
  readonly onTrouble: (message: string) => void;
}

/** What became of a session. */
export interface SessionSummary {
  readonly reason: EndReason;
  readonly complete: boolean;
  readonly trouble: readonly string[];
  /** For people: `27 files, 3.4 MiB`. */
  readonly amount: string;
  readonly written: Written;
  readonly counts: Counts;
  readonly queuePeak: number;
}

/** How long a mark may take, and whether it may be on the host's root. */
type Limits = Pick<ArmOptions, "timeoutMs" | "hostRoot">;

/** One container's trace and its result, from the mark to the last byte on disk. */
export class Session {
  readonly container: ContainerInfo;
  readonly #options: SessionOptions;
  readonly #startedAt = new Date();
  readonly #layers: FoundLayers;
  readonly #recording: Recording;
  readonly #files: ResultFiles;
  #trace: Trace | undefined;
  #queuePeak = 0;
  #end: Provenance["end"];
  #ending: Promise<SessionSummary> | undefined;
  readonly #drained = Promise.withResolvers<void>();

  private constructor(options: SessionOptions, layers: FoundLayers) {
    const { container, target, csvStyle, onTrouble } = options;
    this.container = container;
    this.#options = options;
    this.#layers = layers;
    this.#files = new ResultFiles({
      target,
      id: container.id,
      startedAt: this.#startedAt,
      csvStyle,
      provenance: (length) => formatProvenance(this.#provenance(length)),
      onError: (error) => {
        this.#recording.fail(error.message);
        onTrouble(error.message);
      },
    });
    this.#recording = new Recording({
      layers: layers.layers,
      runtimeFiles: options.runtimeFiles,
      onFile: (file) => this.#files.add(file),
    });
  }

  /**
   * Begins to trace. Once it resolves, nothing the container opens is missed.
   * Rejects with TraceError; then there is no session, no mark and no file.
   */
  static async start(options: SessionOptions, limits: Limits): Promise<Session> {
    const root = rootOf(options.pid);
    const session = new Session(options, findLayers(root, options.xattr));
    await session.#arm(root, session.#recording, limits);
    return session;
  }

  /**
   * The same for a container that runs already: what it has open is recorded first. The list is never called complete,
   * since what was opened and closed before is not in it.
   */
  static async join(options: SessionOptions, limits: Limits): Promise<Session> {
    const root = rootOf(options.pid);
    const session = new Session(options, findLayers(root, options.xattr));
    const gate = new Gate(session.#recording);
    await session.#arm(root, gate, limits);
    session.#recording.fail("the container ran already when its trace began");
    for (const file of openFiles(options.pid)) session.#recording.open(file);
    gate.release();
    return session;
  }

  async #arm(root: Mount, observer: TraceObserver, limits: Limits): Promise<void> {
    const { tracer, pid, container } = this.#options;
    const other = isHostRoot(root) ? undefined : otherContainerOf(pid, container.id);
    if (other !== undefined) {
      const what = `its cgroup is that of container ${other.slice(0, 12)}`;
      throw new TraceError("process-gone", `Cannot trace process ${pid}: ${what}`);
    }
    this.#trace = await tracer.arm({ pid, root, observer, ...limits });
  }

  /** Leaves a note, in place of a result, why a container was not traced. A list that is there stays as it is. */
  static async note(options: SessionOptions, why: string): Promise<void> {
    const session = new Session(options, { layers: undefined, why: "nothing was traced" });
    session.#recording.fail(why);
    session.#end = { at: new Date(), reason: "failed" };
    await session.#files.note();
  }

  /** The final path of the list, there or not. */
  get path(): string {
    return this.#files.path;
  }

  /** Why files of the image cannot be told from those made at run time, if so: then all are listed. */
  get unfiltered(): string | undefined {
    return this.#layers.layers === undefined ? this.#layers.why : undefined;
  }

  /** Where the result is to be. */
  get target(): ResultTarget {
    return this.#options.target;
  }

  /** What was seen so far. */
  get counts(): Readonly<Counts> {
    return this.#recording.counts;
  }

  /** Lets the result appear only after `moment`. To be called at once after start(). */
  writeAfter(moment: Promise<unknown>): void {
    this.#files.writeAfter(moment);
  }

  /** Ends the trace and completes the result. The first reason counts; later calls wait for the same end. */
  end(reason: EndReason): Promise<SessionSummary> {
    this.#ending ??= this.#finish(reason);
    return this.#ending;
  }

  /** Resolves when it has ended and all events are read. What is left to do is on disk. */
  drained(): Promise<void> {
    return this.#drained.promise;
  }

  async #finish(reason: EndReason): Promise<SessionSummary> {
    if (this.#trace !== undefined) {
      const { tracer } = this.#options;
      const rootLives = reason !== "container stopped";
      await closeTrace({ tracer, trace: this.#trace, recording: this.#recording, rootLives });
    }
    this.#drained.resolve();
    this.#queuePeak = this.#options.tracer.queuePeak();
    this.#end = { at: new Date(), reason };
    const written = await this.#files.finish();
    // What kept the list from being there is told where it is looked for.
    if (written === "nothing" && this.#recording.trouble.length > 0) await this.#files.note();
    const { listed, listedBytes } = this.#recording.counts;
    return {
      reason,
      complete: isComplete({ end: this.#end, trouble: this.#recording.trouble }),
      trouble: this.#recording.trouble,
      amount: `${plural(listed, "file")}, ${formatBytes(listedBytes)}`,
      written,
      counts: this.#recording.counts,
      queuePeak: this.#queuePeak,
    };
  }

  #provenance(length: "full" | "short"): Provenance {
    const { container, runtime } = this.#options;
    const { name, namespace, uid } = container.pod;
    const image = parseReference(container.imageReference);
    const { layers } = this.#layers;
    return {
      image: {
        reference: container.imageReference,
        name: image && formatReference(image),
        digest: container.imageDigest ?? image?.digest,
      },
      container: { id: container.id, name: container.name, pod: { name, namespace, uid } },
      runtime,
      kernel: release(),
      optimizer: version,
      recorder: RECORDER,
      startedAt: this.#startedAt,
      end: this.#end,
      trouble: this.#recording.trouble,
      filter: this.#filter(),
      counts: this.#recording.counts,
      queuePeak: this.#queuePeak,
      layerCount: layers?.count,
      layers: layers === undefined || length === "short" ? undefined : this.#recording.layerOfLine,
    };
  }

  #filter(): Provenance["filter"] {
    if (this.#layers.layers === undefined) return { kind: "none", why: this.#layers.why };
    if (this.#options.runtimeFiles) return { kind: "none", why: "runtime_files is set" };
    return { kind: "image-files" };
  }
}
