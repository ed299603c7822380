import { type ConsolaInstance, createConsola, LogLevels, type LogObject } from "consola";
import type { Log } from "../log.ts";
import { LogLimit, type LogLine, type Severity } from "../log-limit.ts";
import type { LogFigures } from "../status/status.ts";
import type { Shim } from "../sys/shim.ts";
import { LogFile, LogFileError } from "./log-file.ts";
import { formatLine } from "./log-line.ts";
import { LogQueue } from "./log-queue.ts";
import { type UsualLog, usualLog } from "./log-usual.ts";

/** How long the last lines may take. */
const CLOSE_TIMEOUT_MS = 1000;
/** A longer line would be the work of a name that was made for it; syslog has a limit, too. */
const LINE_CHARS_MAX = 4000;

/**
 * The plugin's log: lines on stderr, or syslog when stderr is /dev/null, which is what container runtimes give to the
 * plugins they start; or a file. None of them is ever waited for, and what repeats is summed up.
 */
export class PluginLog implements Log, AsyncDisposable {
  readonly #usual: UsualLog;
  readonly #consola: ConsolaInstance;
  readonly #limit = new LogLimit();
  #file: { readonly sink: LogFile; readonly queue: LogQueue; failure: string | undefined } | undefined;
  /** Of files that were written to before. */
  #lostBefore = 0;
  #summing: Timer | undefined;

  constructor(shim: Pick<Shim, "sendDatagram"> | undefined) {
    this.#usual = usualLog(shim);
    this.#consola = createConsola({
      level: LogLevels.info, // by itself it would follow NODE_ENV and CI
      throttle: 0, // its own way of summing up
      reporters: [
        {
          log: (entry) => this.#add({ severity: severityOf(entry), text: entry.args.map(String).join(" ") }),
        },
      ],
    });
  }

  info(message: string): void {
    this.#consola.info(message);
  }

  warn(message: string): void {
    this.#consola.warn(message);
  }

  error(message: string): void {
    this.#consola.error(message);
  }

  get figures(): LogFigures {
    return {
      to: this.#file !== undefined && this.#file.failure === undefined ? "file" : this.#usual.kind,
      lost: this.#lostBefore + this.#usual.lost + (this.#file?.queue.lost ?? 0),
      heldBack: this.#limit.heldBack,
    };
  }

  /** From now on lines are appended to that file; "" means none. While it cannot be opened, they go the usual way. */
  writeTo(path: string): void {
    if (path === (this.#file?.sink.path ?? "")) return;
    const before = this.#file;
    if (before !== undefined) {
      this.#lostBefore += before.queue.lost;
      void before.queue.drained().then(() => before.sink.close());
    }
    if (path === "") {
      this.#file = undefined;
      return;
    }
    const sink = new LogFile(path);
    const queue = new LogQueue({
      sink,
      format: formatLine,
      rescue: (lines, error) => this.#rescue(lines, error),
    });
    this.#file = { sink, queue, failure: undefined };
  }

  /** Looks anew which file has the name. */
  reopen(): void {
    this.#file?.sink.reopen();
  }

  /** Says what was held back, and waits a little for the last lines. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#summing);
    for (const line of this.#limit.flush(Number.POSITIVE_INFINITY)) this.#write(line);
    const all = (async () => {
      await this.#file?.queue.drained();
      await this.#usual.drained();
    })();
    await Promise.race([all, Bun.sleep(CLOSE_TIMEOUT_MS)]);
  }

  #add({ severity, text }: LogLine): void {
    const line = {
      severity,
      text: text.length > LINE_CHARS_MAX ? `${text.slice(0, LINE_CHARS_MAX)}…` : text,
    };
    for (const each of this.#limit.push(line, performance.now())) this.#write(each);
    this.#sumUpInTime();
  }

  #sumUpInTime(): void {
    const dueAtMs = this.#limit.dueAtMs;
    if (dueAtMs === undefined || this.#summing !== undefined) return;
    const timer = setTimeout(() => {
      this.#summing = undefined;
      for (const line of this.#limit.flush(performance.now())) this.#write(line);
      this.#sumUpInTime();
    }, dueAtMs - performance.now());
    timer.unref();
    this.#summing = timer;
  }

  #write(line: LogLine): void {
    (this.#file?.queue ?? this.#usual).push(line);
  }

  /** Lines for a file that cannot be opened. */
  #rescue(lines: readonly LogLine[], error: unknown): boolean {
    if (!(error instanceof LogFileError)) return false;
    if (this.#file !== undefined && this.#file.failure !== error.message) {
      this.#file.failure = error.message;
      this.#usual.push({ severity: "error", text: `${error.message}: the log goes here until it can` });
    }
    for (const line of lines) this.#usual.push(line);
    return true;
  }
}

function severityOf({ type }: LogObject): Severity {
  return type === "error" || type === "warn" ? type : "info";
}
