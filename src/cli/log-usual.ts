import { existsSync, fstatSync, write } from "node:fs";
import type { LogLine } from "../log-limit.ts";
import type { LogFigures } from "../status/status.ts";
import type { Shim } from "../sys/shim.ts";
import { formatLine, oneLine } from "./log-line.ts";
import { LogQueue, type LogSink } from "./log-queue.ts";

const SYSLOG_SOCKET = "/dev/log";
const SYSLOG_TAG = "optimizer-nri-plugin";
/** Facility "daemon", then the severity of each kind (RFC 5424, section 6.2.1). */
const syslogPriority = { info: 3 * 8 + 6, warn: 3 * 8 + 4, error: 3 * 8 + 3 } as const;

/** Where lines go that no log file takes. */
export interface UsualLog {
  readonly kind: Exclude<LogFigures["to"], "file">;
  push(line: LogLine): void;
  /** Resolves when nothing waits any more. */
  drained(): Promise<void>;
  /** How many lines were lost. */
  readonly lost: number;
}

/** Syslog when stderr is /dev/null, and there is a shim to speak to it; else stderr. */
export function usualLog(shim: Pick<Shim, "sendDatagram"> | undefined): UsualLog {
  return shim !== undefined && isNullDevice(2) ? new Syslog(shim) : standardError();
}

/** Datagrams that syslog cannot take at once are lost. */
class Syslog implements UsualLog {
  readonly kind: UsualLog["kind"];
  readonly #shim: Pick<Shim, "sendDatagram">;
  #lost = 0;
  #untold = 0;

  constructor(shim: Pick<Shim, "sendDatagram">) {
    this.#shim = shim;
    this.kind = existsSync(SYSLOG_SOCKET) ? "syslog" : "nowhere";
  }

  get lost(): number {
    return this.#lost;
  }

  push(line: LogLine): void {
    if (!this.#send(line)) {
      this.#lost++;
      this.#untold++;
    } else if (this.#untold > 0) {
      const text = `${this.#untold} lines of this log lost: not taken in time`;
      if (this.#send({ severity: "warn", text })) this.#untold = 0;
    }
  }

  async drained(): Promise<void> {}

  #send({ severity, text }: LogLine): boolean {
    const line = `<${syslogPriority[severity]}>${SYSLOG_TAG}[${process.pid}]: ${oneLine(text)}`;
    return this.#shim.sendDatagram(SYSLOG_SOCKET, Buffer.from(line));
  }
}

/** Bun queues without bound for a pipe that nobody reads: so it is given one piece at a time. */
function standardError(): UsualLog {
  process.stderr.on("error", () => {}); // write() tells of it, too
  const queue = new LogQueue({ sink: isFile(2) ? descriptorSink : streamSink, format: formatLine });
  return {
    kind: isNullDevice(2) ? "nowhere" : "stderr",
    push: (line) => queue.push(line),
    drained: () => queue.drained(),
    get lost() {
      return queue.lost;
    },
  };
}

/** A disk may hang: a thread of the pool waits for it. */
const descriptorSink: LogSink = {
  write: (bytes) =>
    new Promise((resolve, reject) =>
      write(2, bytes, (error, written) => (error ? reject(error) : resolve(written))),
    ),
};

const streamSink: LogSink = {
  write: (bytes) =>
    new Promise((resolve, reject) =>
      process.stderr.write(bytes, (error) => (error ? reject(error) : resolve(bytes.byteLength))),
    ),
};

function isNullDevice(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isCharacterDevice() && stats.rdev === 0x103; // 1:3, as everywhere in Linux
  } catch {
    return true; // closed: nobody reads it either
  }
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}
