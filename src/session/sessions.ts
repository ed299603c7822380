import type { Config } from "../config.ts";
import { type EndReason, isOnlySuperseded } from "../formats/provenance.ts";
import type { LayerReader } from "../image/layers.ts";
import { parseReference } from "../image/reference.ts";
import type { Log } from "../log.ts";
import { FolderCheck, type FolderProblem, formatFolderProblem, NO_ANSWER } from "../record/folder-check.ts";
import { type MergeLists, MergeQueue } from "../record/merge-queue.ts";
import { lookUpName, type NameChoice } from "../record/name-on-disk.ts";
import type { Existing, ResultTarget } from "../record/result-files.ts";
import { exclude, otherName, resultName, workloadResultName } from "../record/result-name.ts";
import { findStanding } from "../record/standing.ts";
import { TracingCounters, type TracingCounts } from "../status/counters.ts";
import { messageOf } from "../sys/errno.ts";
import type { Tracer } from "../trace/tracer.ts";
import { firstPidOfCgroup } from "./cgroup.ts";
import type { ContainerInfo } from "./container.ts";
import { SaidOnce } from "./said-once.ts";
import { isSelected } from "./selection.ts";
import { type RuntimeInfo, Session, type SessionOptions, type SessionSummary } from "./session.ts";
import { workloadName } from "./workload.ts";

/** What the sessions share. */
export interface SessionsOptions {
  /** The one that lives; rejects when there is none. */
  readonly tracer: () => Promise<Tracer>;
  readonly xattr: LayerReader["xattr"];
  readonly log: Log;
  /** Merges lists on disk, in its own time. */
  readonly merge: MergeLists;
  /** The longest a container's start is held up. */
  readonly startCeilingMs?: number;
}

/** What is known of a start besides its container. */
export interface StartOptions {
  /** How long the container has waited already. */
  readonly waitedMs?: number;
  /** Why no container of this runtime can be traced, if so. */
  readonly blocked?: string | undefined;
}

/** A container's start never waits longer for its trace: less than the plugin allows, so that it is told why. */
const START_CEILING_MS = 400;

/** So long a start waits to hear whether there is a list already. */
const DISK_PATIENCE_MS = 100;

/** Of containers that start together, one asks whether results can be written. */
const FOLDER_MAX_AGE_MS = 1000;

/** Nobody waits for the mark of a container that runs already. */
const JOIN_TIMEOUT_MS = 5000;

/** In a line of the log. */
const NAME_CHARS_MAX = 300;

/** Of so many images the log remembers what it has said. */
const IMAGES_MAX = 1000;

/** Collecting garbage takes some 10 ms: once for all containers that end together. */
const TIDY_UP_AFTER_MS = 500;

/** One container's place in the table. */
type Slot =
  /**
   * The mark is being set, or it is being found out whether to trace at all. `ended`: why it is over meanwhile.
   * `nameOnDisk` is the name or, where that cannot be had, the other one; undefined until that is known.
   */
  | { readonly kind: "starting"; readonly name: string; nameOnDisk?: string; ended: EndReason | undefined }
  | {
      readonly kind: "recording";
      readonly name: string;
      readonly nameOnDisk?: string;
      readonly session: Session;
      readonly timer: Timer | undefined;
    };

/**
 * The containers that are being traced, by container id. Two containers of one image are two
 * sessions; they meet only in the name of their result, and there `overwrite` and `merge` decide.
 */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #slots = new Map<string, Slot>();
  readonly #merges: MergeQueue;
  readonly #counters = new TracingCounters();
  readonly #folders = new Map<string, { readonly check: FolderCheck; problem: FolderProblem | undefined }>();
  readonly #unfilteredImages = new SaidOnce(IMAGES_MAX);
  /** The last one that was used. */
  #tracer: Tracer | undefined;
  #tidyUp: Timer | undefined;
  #joining: Promise<void> = Promise.resolve();
  /** Starts, notes and ends that no caller waits for: whoever ends the program does. */
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: SessionsOptions) {
    const { merge, log } = options;
    this.#options = options;
    this.#merges = new MergeQueue({
      merge,
      onError: (message) => log.error(message),
      onMerged: (outcome) => this.#counters.merged(outcome),
    });
  }

  /** How many there are. */
  get size(): number {
    return this.#slots.size;
  }

  /**
   * Begins to trace a container whose process waits to be started. Resolves when the container may
   * go on, within the ceiling, of which it has waited some already. Never rejects: what keeps a container from being
   * traced is logged, unless the configuration does not select it.
   */
  async start(
    container: ContainerInfo,
    config: Config,
    runtime: RuntimeInfo,
    { waitedMs = 0, blocked }: StartOptions = {},
  ): Promise<void> {
    if (this.#slots.has(container.id)) return; // a second subscription of the same plugin
    this.#counters.started();
    if (!isSelected(container, config)) return this.#counters.notTraced("not_selected");
    const name = nameFor(container, config);
    const slot: Slot = { kind: "starting", name, ended: undefined };
    this.#slots.set(container.id, slot);
    const ceilingMs = Math.max(0, (this.#options.startCeilingMs ?? START_CEILING_MS) - waitedMs);
    const deadlineMs = performance.now() + ceilingMs;
    const begin = { config, runtime, deadlineMs, blocked };
    const begun = this.#begin(container, slot, begin).catch((error: unknown) => {
      this.#counters.failed(name, messageOf(error));
      this.#options.log.warn(`${label(container)} is not traced: ${messageOf(error)}`);
      this.#release(container.id, slot);
    });
    void this.#keepTrackOf(begun);
    const ceiling = Promise.withResolvers<void>();
    const timer = setTimeout(ceiling.resolve, ceilingMs);
    await Promise.race([begun, ceiling.promise]);
    clearTimeout(timer);
  }

  /**
   * Traces a container that runs already, if there is no list of its name: half a trace must not replace a whole one.
   * Resolves when that has begun; never rejects. One after the other: nothing waits for them.
   */
  join(container: ContainerInfo, config: Config, runtime: RuntimeInfo): Promise<void> {
    this.#joining = this.#joining
      .then(() => this.#join(container, config, runtime))
      .catch((error: unknown) => {
        this.#options.log.warn(`${label(container)}, which runs already, is not traced: ${messageOf(error)}`);
      });
    return this.#joining;
  }

  async #join(container: ContainerInfo, config: Config, runtime: RuntimeInfo): Promise<void> {
    const name = nameFor(container, config);
    if (this.#slots.has(container.id) || !isSelected(container, config)) return;
    if ([...this.#slots.values()].some((slot) => slot.name === name)) return;
    const choice = await lookUpName(config.persistDir, name);
    const slot: Slot = { kind: "starting", name, ended: undefined };
    this.#slots.set(container.id, slot);
    this.#settleName(slot, choice);
    try {
      if ((await findStanding(placeOf(slot, config))) !== "none") {
        this.#release(container.id, slot);
        return;
      }
      const options = await this.#optionsFor(container, slot, "keep", config, runtime);
      requirePid(options);
      const limits = { timeoutMs: JOIN_TIMEOUT_MS, hostRoot: "refuse" } as const;
      this.#record(slot, await this.#keepTrackOf(Session.join(options, limits)), config);
      this.#counters.joined();
    } catch (error) {
      this.#release(container.id, slot);
      throw error;
    }
  }

  /** Ends the trace of a container that has stopped. Resolves when its result is complete; never rejects. */
  async stop(containerId: string): Promise<void> {
    const slot = this.#slots.get(containerId);
    if (slot?.kind === "starting") slot.ended ??= "container stopped";
    if (slot?.kind === "recording") await this.#end(slot, "container stopped");
  }

  /** Resolves when all that a container opened has been read: from then on its files may vanish. */
  async drained(containerId: string): Promise<void> {
    const slot = this.#slots.get(containerId);
    if (slot?.kind === "recording") await slot.session.drained();
  }

  /**
   * Ends all traces, the containers of which may still run, also those that are just beginning. Resolves when all
   * results are complete, and all notes are there. A dead disk may hold that up for ever: the caller has to have a limit.
   */
  async endAll(reason: EndReason): Promise<void> {
    const ends: Promise<void>[] = [];
    for (const slot of this.#slots.values()) {
      if (slot.kind === "recording") ends.push(this.#end(slot, reason));
      else slot.ended ??= reason;
    }
    await Promise.all([...ends, ...this.#underWay]);
    await Promise.all(this.#underWay); // what a start that was under way has left: a note, or a trace that ends at once
  }

  #keepTrackOf<T>(work: Promise<T>): Promise<T> {
    const over = work.then(
      () => void this.#underWay.delete(over),
      () => void this.#underWay.delete(over), // told to whoever began it
    );
    this.#underWay.add(over);
    return work;
  }

  /**
   * Resolves when the runs that have ended are merged. After `timeoutMs` those that are not yet stay on disk, for the
   * next merge of the same name; nothing is merged any more then.
   */
  finishMerges(timeoutMs: number): Promise<void> {
    return this.#merges.finish(timeoutMs);
  }

  /** What was counted so far. */
  counts(): TracingCounts {
    const running = [...this.#slots.values()].filter((slot) => slot.kind === "recording");
    return this.#counters.snapshot({
      running: running.map(({ session }) => session.counts),
      repeats: this.#tracer?.repeats() ?? 0,
      queuePeak: this.#tracer?.queuePeak() ?? 0,
    });
  }

  async #begin(
    container: ContainerInfo,
    slot: Slot & { kind: "starting" },
    { config, runtime, deadlineMs, blocked }: Begin,
  ): Promise<void> {
    // Both ask a disk that may hang: at once, since the container waits.
    const looking = this.#existingFor(container, slot, config);
    looking.catch(() => {}); // what keeps results from being written comes first
    await this.#requireWritable(config.persistDir);
    const existing = await looking;
    if (existing === undefined) {
      this.#counters.notTraced("kept");
      this.#release(container.id, slot);
      return;
    }
    const options = await this.#optionsFor(container, slot, existing, config, runtime);
    try {
      if (blocked !== undefined) throw new Error(blocked);
      requirePid(options);
      const remainingMs = deadlineMs - performance.now();
      // The disk, or other starts, took all the time: the container has begun without us, and half a trace is none.
      if (remainingMs <= 0) throw new Error("no mark was set within the time that a start may wait");
      const limits = { timeoutMs: remainingMs, hostRoot: "refuse" } as const;
      this.#record(slot, await Session.start(options, limits), config);
    } catch (error) {
      void this.#keepTrackOf(Session.note(options, messageOf(error))); // the container's start does not wait for it
      throw error;
    }
  }

  async #optionsFor(
    container: ContainerInfo,
    slot: Slot,
    existing: Existing,
    config: Config,
    runtime: RuntimeInfo,
  ): Promise<SessionOptions> {
    const { tracer, xattr, log } = this.#options;
    const pid = container.pid || (await firstPidOfCgroup(container.cgroupsPath));
    this.#tracer = await tracer();
    return {
      container,
      pid: pid ?? NO_PID,
      runtime,
      target: { ...placeOf(slot, config), existing },
      // What is for people is rounded: a merge needs the exact numbers.
      csvStyle: config.readable && !config.merge ? "readable" : "exact",
      tracer: this.#tracer,
      xattr,
      runtimeFiles: config.runtimeFiles,
      onTrouble: (message) => log.error(`${label(container)}: ${message}`),
    };
  }

  #record(starting: Slot & { kind: "starting" }, session: Session, config: Config): void {
    const { container } = session;
    const { merge, timeoutSeconds } = config;
    this.#counters.traced();
    if (session.unfiltered !== undefined && !config.runtimeFiles) {
      this.#counters.unfiltered();
      this.#sayUnfiltered(container, session.unfiltered);
    }
    const timer =
      timeoutSeconds > 0
        ? setTimeout(() => void this.#end(slot, "timeout"), timeoutSeconds * 1000)
        : undefined;
    const slot: Slot & { kind: "recording" } = { ...starting, kind: "recording", session, timer };
    const older = merge ? [] : this.#recordingsOf(starting.name);
    this.#slots.set(container.id, slot);
    // Of several that start at once more than one may be on its way to its end.
    if (older.length > 0) session.writeAfter(Promise.all(older.map((each) => this.#end(each, "superseded"))));
    if (starting.ended !== undefined) void this.#keepTrackOf(this.#end(slot, starting.ended));
  }

  /** Once for an image: what keeps its layers out of sight is the same for all its containers. */
  #sayUnfiltered({ imageReference, name, id }: ContainerInfo, why: string): void {
    const image = imageReference ? `image "${short(imageReference)}"` : `container "${short(name || id)}"`;
    if (!this.#unfilteredImages.isNew(image)) return;
    this.#options.log.warn(`${image}: files made at run time are listed as well, since ${why}`);
  }

  /** What becomes of an older result of that name; undefined when that is to stay as it is, which is logged. */
  async #existingFor(
    container: ContainerInfo,
    slot: Slot & { kind: "starting" },
    config: Config,
  ): Promise<Existing | undefined> {
    const { merge, overwrite } = config;
    // Of several that start at once the first one sees none.
    const other = [...this.#slots.values()].some((each) => each !== slot && each.name === slot.name);
    // A disk that does not answer is not waited for: no list there can be replaced by one that is to keep it.
    const patience = Bun.sleep(DISK_PATIENCE_MS);
    const choice = lookUpName(config.persistDir, slot.name);
    this.#settleName(slot, (await Promise.race([choice, patience])) ?? "either");
    if (merge) return "merge";
    if (overwrite) return "replace";
    const place = placeOf(slot, config);
    const standing = other ? "whole" : ((await Promise.race([findStanding(place), patience])) ?? "none");
    if (standing === "none") return "keep";
    if (standing === "broken") return "replace";
    const state = other ? "is being recorded by another container" : "exists";
    this.#options.log.info(
      `${label(container)} is not traced: ${place.directory}/${place.name} ${state} and is kept (overwrite = false)`,
    );
    return undefined;
  }

  /** Rejects where no result can be written: then nothing is recorded in vain. A disk that does not answer may yet. */
  async #requireWritable(directory: string): Promise<void> {
    const folder = this.#folders.get(directory) ?? { check: new FolderCheck(directory), problem: undefined };
    this.#folders.set(directory, folder);
    const found = await folder.check.check({ timeoutMs: DISK_PATIENCE_MS, maxAgeMs: FOLDER_MAX_AGE_MS });
    const before = folder.problem;
    folder.problem = found?.code === NO_ANSWER ? before : found;
    if (folder.problem !== undefined) throw new Error(formatFolderProblem(folder.problem));
    if (before !== undefined) this.#options.log.info(`results can be written to ${directory} again`);
  }

  /** Of two results that begin at once, and would exclude each other, the second one has another name. */
  #settleName(slot: Slot & { kind: "starting" }, choice: NameChoice): void {
    const { name } = slot;
    const isExcluded = [...this.#slots.values()].some(
      (each) => each.nameOnDisk !== undefined && exclude(each.nameOnDisk, name),
    );
    const hasToGiveWay = choice === "other" || (choice === "either" && isExcluded);
    slot.nameOnDisk = (hasToGiveWay ? otherName(name) : undefined) ?? name;
  }

  #recordingsOf(name: string): (Slot & { kind: "recording" })[] {
    return [...this.#slots.values()]
      .filter((slot) => slot.kind === "recording")
      .filter((slot) => slot.name === name);
  }

  async #end(slot: Slot & { kind: "recording" }, reason: EndReason): Promise<void> {
    const { session, timer } = slot;
    clearTimeout(timer);
    const summary = await session.end(reason);
    if (!this.#release(session.container.id, slot)) return; // another caller waited for the same end
    this.#counters.ended({ name: slot.nameOnDisk ?? slot.name, ...summary });
    this.#logEnd(session, summary);
    if (summary.written === "run") this.#merges.add(session.target);
    this.#tidyUpSoon();
  }

  /**
   * Gives the memory of ended traces back. Nothing else would for a long time: between starts the
   * process allocates next to nothing. Late enough for the answer to be sent before.
   */
  #tidyUpSoon(): void {
    this.#tidyUp ??= setTimeout(() => {
      this.#tidyUp = undefined;
      Bun.gc(true);
    }, TIDY_UP_AFTER_MS);
  }

  #logEnd(
    { container, path }: Session,
    { reason, complete, trouble, amount, written }: SessionSummary,
  ): void {
    const { log } = this.#options;
    const where = { nothing: "nothing was written", result: path, run: `to be merged into ${path}` }[written];
    const line = `${label(container)}: ${amount}: ${where} (${reason})`;
    if (complete) log.info(line);
    else if (isOnlySuperseded({ reason, trouble }))
      log.info(`${line}: a newer container's list takes its place`);
    else log.warn(`${line}; the list is not complete: ${trouble.join("; ") || reason}`);
  }

  #release(containerId: string, slot: Slot): boolean {
    return this.#slots.get(containerId) === slot && this.#slots.delete(containerId);
  }
}

interface Begin {
  readonly config: Config;
  readonly runtime: RuntimeInfo;
  readonly deadlineMs: number;
  readonly blocked: string | undefined;
}

/** In place of a pid where nothing tells one. */
const NO_PID = 0;

function requirePid({ pid }: SessionOptions): void {
  if (pid !== NO_PID) return;
  throw new Error(
    "the runtime does not tell its process (CRI-O does since 1.36), and no cgroup of it has one that can be seen here: mount the host's /sys/fs/cgroup at the same path",
  );
}

/** Where the result of a container lies. */
function placeOf(
  { name, nameOnDisk = name }: Slot,
  { persistDir }: Config,
): Pick<ResultTarget, "directory" | "name"> {
  return { directory: persistDir, name: nameOnDisk };
}

function nameFor(container: ContainerInfo, { listPer }: Config): string {
  const image = parseReference(container.imageReference);
  if (listPer === "image") return resultName(image, container);
  const { pod } = container;
  return workloadResultName(image, { namespace: pod.namespace, workload: workloadName(pod), container });
}

/** How the log names a container. None of it is ours, or has a limit. */
function label({ id, name, pod, imageReference }: ContainerInfo): string {
  const place = pod.name ? `${pod.namespace}/${pod.name}/${name}` : name;
  return `container ${id.slice(0, 12)} (${short(place) || "no name"}, image ${short(imageReference) || "unknown"})`;
}

function short(text: string): string {
  return text.length <= NAME_CHARS_MAX ? text : `${text.slice(0, NAME_CHARS_MAX)}…`;
}
