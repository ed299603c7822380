import type { Log } from "../log.ts";
import { prepareRunFolder, socketPath } from "../status/run-folder.ts";
import { messageOf } from "../sys/errno.ts";
import { answerAt, type Listener } from "../sys/listener.ts";

/** Where `optimizer status` asks this plugin. Without it the plugin works as well; that nobody can ask is logged. */
export class StatusSocket {
  readonly #log: Log;
  readonly #answer: () => Promise<string>;
  #folder: string | undefined;
  #listener: Listener | undefined;

  /** @param answer makes the text that each client gets */
  constructor(log: Log, answer: () => Promise<string>) {
    this.#log = log;
    this.#answer = answer;
  }

  /** Answers in that folder from now on; the empty one means nowhere. Never throws. */
  open(folder: string): void {
    if (folder === this.#folder) return;
    this.close();
    this.#folder = folder;
    if (folder === "") return;
    try {
      prepareRunFolder(folder);
      this.#listener = answerAt(socketPath(folder, process.pid), this.#answer);
    } catch (error) {
      const cure = `make it writable for root (in a pod: mount an emptyDir volume at ${folder}), or set run_dir`;
      this.#log.warn(`optimizer status cannot ask this plugin: ${messageOf(error)}; ${cure}`);
    }
  }

  /** Takes the socket away. */
  close(): void {
    this.#listener?.close();
    this.#listener = undefined;
  }
}
