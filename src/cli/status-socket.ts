import { existsSync } from "node:fs";
import type { Log } from "../log.ts";
import { isRefused } from "../status/ask.ts";
import { ownSocketPath, prepareRunFolder } from "../status/run-folder.ts";
import { messageOf } from "../sys/errno.ts";
import { answerAt, type Listener } from "../sys/listener.ts";

/** A socket that somebody has taken away comes back after so long, at the latest. */
const LOOK_EVERY_MS = 10_000;

/** Where `optimizer status` asks this plugin. Without it the plugin works as well; that nobody can ask is logged. */
export class StatusSocket {
  readonly #log: Log;
  readonly #answer: () => Promise<string>;
  #folder = "";
  #opening: Promise<void> = Promise.resolve();
  #listener: Listener | undefined;
  #timer: Timer | undefined;
  #told = "";

  /** @param answer makes the text that each client gets */
  constructor(log: Log, answer: () => Promise<string>) {
    this.#log = log;
    this.#answer = answer;
  }

  /** Answers in that folder from now on; the empty one means nowhere. Resolves when it does, or cannot. Never rejects. */
  open(folder: string): Promise<void> {
    if (folder !== this.#folder) this.#stop();
    this.#folder = folder;
    if (folder === "") return Promise.resolve();
    this.#timer ??= setInterval(() => void this.open(this.#folder), LOOK_EVERY_MS);
    this.#timer.unref();
    this.#opening = this.#opening.then(() => this.#listen(folder));
    return this.#opening;
  }

  async #listen(folder: string): Promise<void> {
    const path = ownSocketPath(folder);
    if (folder !== this.#folder || (this.#listener !== undefined && existsSync(path))) return;
    this.#listener?.close();
    this.#listener = undefined;
    try {
      await prepareRunFolder(folder, isRefused);
      if (folder === this.#folder) this.#listener = answerAt(path, this.#answer);
      this.#told = "";
    } catch (error) {
      const message = messageOf(error);
      if (message === this.#told) return;
      this.#told = message;
      const cure = `make it writable for root (in a pod: mount an emptyDir volume at ${folder}), or set run_dir`;
      this.#log.warn(`optimizer status cannot ask this plugin: ${message}; ${cure}`);
    }
  }

  /** Takes the socket away, for good. */
  close(): void {
    this.#stop();
    this.#folder = "";
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#listener?.close();
    this.#listener = undefined;
  }
}
