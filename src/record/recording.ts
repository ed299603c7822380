import { constants } from "node:fs";
import { isListable } from "../formats/list.ts";
import type { Counts } from "../formats/provenance.ts";
import type { ImageLayers } from "../image/layers.ts";
import { DELETED_SUFFIX } from "../trace/records.ts";
import type { FileOpen, Loss, TraceObserver } from "../trace/trace.ts";

/** A file at its first access. */
export interface RecordedFile {
  /** Latin1: one character a byte. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Since the trace was armed. */
  readonly elapsedUs: number;
  /** It was open or mapped already when the trace began. */
  readonly before?: boolean;
}

/** What is recorded, and where it goes. */
export interface RecordingOptions {
  /** The image's layers; without them every regular file is listed. */
  readonly layers: ImageLayers | undefined;
  /** Lists what the workload made itself, too. */
  readonly runtimeFiles?: boolean;
  /** Called once for each file, in order of first access; `layer` is -1 where that is unknown. */
  readonly onFile: (file: RecordedFile, layer: number) => void;
}

interface FileIdentity {
  readonly inode: number;
  readonly device: FileOpen["device"] | undefined;
}

/** A loss is counted each time, and named once; more kinds than this cannot be. */
const TROUBLE_MAX = 32;
const LAYER_UNKNOWN = -1;

/** Makes the list of a trace: each path once, in order of first access, files of the image only. */
export class Recording implements TraceObserver {
  readonly #layers: ImageLayers | undefined;
  readonly #runtimeFiles: boolean;
  readonly #onFile: (file: RecordedFile, layer: number) => void;
  /** The listed paths, each with the file that was opened under it last. */
  readonly #seen = new Map<string, FileIdentity>();
  readonly #trouble = new Set<string>();
  readonly #layerOfLine: number[] = [];
  readonly counts: Counts = {
    listed: 0,
    listedBytes: 0,
    unlistable: 0,
    runtime: 0,
    deleted: 0,
    notRegular: 0,
    events: 0,
    overflows: 0,
    lost: 0,
  };

  constructor({ layers, runtimeFiles = false, onFile }: RecordingOptions) {
    this.#layers = layers;
    this.#runtimeFiles = runtimeFiles;
    this.#onFile = onFile;
  }

  /** Named reasons why the list may have holes. */
  get trouble(): readonly string[] {
    return [...this.#trouble];
  }

  /** For each line of the list the layer its file comes from, -1 where that is unknown. */
  get layerOfLine(): readonly number[] {
    return this.#layerOfLine;
  }

  open(file: FileOpen): void {
    this.counts.events++;
    if (this.#isRepeat(file)) return;
    if ((file.mode & constants.S_IFMT) !== constants.S_IFREG) {
      this.counts.notRegular++;
      return;
    }
    // A file opened by its handle, by nobody's path.
    if (file.path === "/") this.#placeless();
    else if (this.#layers === undefined) this.#openAnywhere(file);
    else this.#openInImage(file, this.#layers);
  }

  #openAnywhere(file: FileOpen): void {
    if (file.deleted) this.counts.deleted++;
    else this.#add(file, LAYER_UNKNOWN);
  }

  #openInImage(file: FileOpen, layers: ImageLayers): void {
    // Where nobody can tell of the mount, the path is a likely one.
    const find = (each: FileOpen) => (file.unplaced ? layers.findLikely(each) : layers.find(each));
    let found = find(file);
    if (found === undefined || found === "unsure") found = this.#findDeleted(file, find) ?? found;
    if (found === "unsure") return this.#placeless();
    if (found !== undefined) {
      this.#add({ ...file, path: found.path }, found.layer);
      // It may have the name of another file that is listed: then it is a repeat from now on.
      if (found.path !== file.path && this.#seen.has(file.path)) this.#remember(file);
      return;
    }
    if (file.deleted) this.counts.deleted++;
    else if (this.#runtimeFiles) this.#add(file, LAYER_UNKNOWN);
    else this.counts.runtime++;
  }

  /**
   * A file of a lower layer that was removed or replaced since keeps its number of links, so that the
   * kernel's suffix is all that tells of it. Being gone now, it was of the image when it was opened.
   */
  #findDeleted<T>(file: FileOpen, find: (file: FileOpen) => T | undefined): T | undefined {
    if (!file.path.endsWith(DELETED_SUFFIX) && !file.deleted) return undefined;
    const path = file.path.endsWith(DELETED_SUFFIX) ? file.path.slice(0, -DELETED_SUFFIX.length) : file.path;
    return find({ ...file, path });
  }

  #placeless(): void {
    this.lost("a file was opened whose path cannot be told");
  }

  lost(loss: Loss): void {
    if (loss === "queue overflow") this.counts.overflows++;
    else this.counts.lost++;
    this.fail(loss);
  }

  /** To be called when the last event has come: an image that was taken away meanwhile has had files that nobody can tell. */
  allEventsRead(): void {
    if (this.#layers?.areThere() === false) {
      this.fail("the image's layers were gone before all its files could be told");
    }
  }

  /** Notes a reason why the list may have holes. */
  fail(reason: string): void {
    if (this.#trouble.size < TROUBLE_MAX) this.#trouble.add(reason);
  }

  /** A path alone does not tell: another file of the image may have been renamed to it since. */
  #isRepeat({ path, inode, device }: FileOpen): boolean {
    const seen = this.#seen.get(path);
    return seen !== undefined && seen.inode === inode && seen.device === device;
  }

  #remember({ path, inode, device }: FileOpen): void {
    this.#seen.set(path, { inode, device });
  }

  #add(file: FileOpen, layer: number): void {
    const isListed = this.#seen.has(file.path);
    this.#remember(file);
    if (isListed) return;
    if (isListable(file.path)) {
      this.counts.listed++;
      this.counts.listedBytes += file.sizeBytes;
      this.#layerOfLine.push(layer);
    } else {
      this.counts.unlistable++;
    }
    this.#onFile(file, layer);
  }
}
