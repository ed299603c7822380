import { fstatSync } from "node:fs";
import { createConsola, LogLevels, type LogObject } from "consola";
import type { Log } from "../log.ts";
import type { Shim } from "../sys/shim.ts";

const SYSLOG_SOCKET = "/dev/log";
const SYSLOG_TAG = "optimizer-nri-plugin";
/** Facility "daemon", then the severity of each kind (RFC 5424, section 6.2.1). */
const syslogPriority = { info: 3 * 8 + 6, warn: 3 * 8 + 4, error: 3 * 8 + 3 } as const;

type Severity = keyof typeof syslogPriority;

/**
 * The plugin's log: lines on stderr, or syslog when stderr is /dev/null, which is what container
 * runtimes give to the plugins they start. A line that syslog cannot take at once is dropped.
 */
export function createLog(shim: Pick<Shim, "sendDatagram"> | undefined): Log {
  const write =
    shim !== undefined && isNullDevice(2)
      ? (severity: Severity, text: string) => toSyslog(shim, severity, text)
      : toStderr;
  const consola = createConsola({
    level: LogLevels.info, // by itself it would follow NODE_ENV and CI
    reporters: [{ log: (entry) => write(severityOf(entry), entry.args.map(String).join(" ")) }],
  });
  return {
    info: (message) => consola.info(message),
    warn: (message) => consola.warn(message),
    error: (message) => consola.error(message),
  };
}

function severityOf({ type }: LogObject): Severity {
  return type === "error" || type === "warn" ? type : "info";
}

/** A name from a container must not begin a line of its own, nor command the terminal of who reads it. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    const json = JSON.stringify(character).slice(1, -1);
    return json === character ? `\\u00${character.charCodeAt(0).toString(16)}` : json; // DEL, and those beyond it
  });
}

function toStderr(severity: Severity, text: string): void {
  process.stderr.write(`${new Date().toISOString()} ${severity} ${oneLine(text)}\n`);
}

function toSyslog(shim: Pick<Shim, "sendDatagram">, severity: Severity, text: string): void {
  const line = `<${syslogPriority[severity]}>${SYSLOG_TAG}[${process.pid}]: ${oneLine(text)}`;
  shim.sendDatagram(SYSLOG_SOCKET, Buffer.from(line));
}

function isNullDevice(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isCharacterDevice() && stats.rdev === 0x103; // 1:3, as everywhere in Linux
  } catch {
    return true; // closed: nobody reads it either
  }
}
