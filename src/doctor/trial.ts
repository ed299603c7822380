import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { errnoName, messageOf, SyscallError } from "../sys/errno.ts";
import type { NativeTracer, Shim } from "../sys/shim.ts";
import { openStream } from "../sys/stream.ts";
import { RecordDecoder, type TraceRecord } from "../trace/records.ts";
import type { Trial } from "./facts.ts";

const TIMEOUT_MS = 3000;
const TOKEN_MARK = 1;
const TOKEN_BARRIER = 2;

/** From fanotify's fcntl-like flags, as /proc/self/fdinfo shows them. */
const FAN_UNLIMITED_QUEUE = 0x10;
const FAN_REPORT_FD_ERROR = 0x2000;
/** Ids that are never used twice begin here, far above those of the older kind. */
const UNIQUE_MOUNT_ID_MIN = 2 ** 31;

/** For tests: what is started, and how long each of the kernel's answers may take. */
export interface TrialOptions {
  readonly command?: readonly string[];
  readonly timeoutMs?: number;
}

/**
 * Tries what a trace does: marks the mount that is our root, has a program started there, looks at what the
 * kernel tells of it. Takes some 50 ms, and leaves nothing behind.
 */
export async function tryTracing(
  loadShim: () => Shim,
  // Our own opens are not told of: a child has to open something. It is this program, which is surely there.
  { command = [process.execPath, "--version"], timeoutMs = TIMEOUT_MS }: TrialOptions = {},
): Promise<Trial> {
  let shim: Shim;
  let native: NativeTracer;
  try {
    shim = loadShim();
    native = shim.start();
  } catch (error) {
    const code = error instanceof SyscallError ? error.code : undefined;
    return { kind: "failed", message: messageOf(error), code };
  }
  const records: TraceRecord[] = [];
  const decoder = new RecordDecoder();
  let arrived = Promise.withResolvers<void>();
  const stream = await openStream(
    { fd: native.streamFd },
    {
      data(chunk) {
        records.push(...decoder.push(chunk));
        arrived.resolve();
        arrived = Promise.withResolvers<void>();
      },
      end: () => arrived.resolve(),
    },
  );
  const find = async <K extends TraceRecord["kind"]>(kind: K) => {
    // Each answer has its own: starting a program may take longer than that on a busy host.
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = records.find((record): record is TraceRecord & { kind: K } => record.kind === kind);
      if (found !== undefined) return found;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return undefined;
      await Promise.race([arrived.promise, Bun.sleep(leftMs)]);
    }
  };
  try {
    native.mark(TOKEN_MARK, process.pid, "mount");
    const marked = await find("marked");
    if (marked === undefined) return { kind: "failed", message: `no answer within ${timeoutMs} ms` };
    if (marked.errno !== 0) return { kind: "not marked", step: marked.step, code: errnoName(marked.errno) };
    const child = Bun.spawn([...command], { stdio: ["ignore", "ignore", "ignore"] });
    await child.exited;
    native.barrier(TOKEN_BARRIER);
    if ((await find("barrier")) === undefined) {
      return { kind: "failed", message: `no answer within ${timeoutMs} ms` };
    }
    const flags = groupFlags();
    return {
      kind: "traced",
      opens: records.filter(({ kind }) => kind === "open").length,
      unlimitedQueue: (flags & FAN_UNLIMITED_QUEUE) !== 0,
      // The marks of this trace tell nothing: a file with several names gets none, on any kernel.
      ignoring: shim.probeIgnoreMarks(),
      uniqueMountIds: marked.mountId >= UNIQUE_MOUNT_ID_MIN,
      eventErrors: (flags & FAN_REPORT_FD_ERROR) !== 0,
    };
  } finally {
    stream.close();
    native.stop();
  }
}

/** What the kernel says of our group. */
function groupFlags(): number {
  const fd = readdirSync("/proc/self/fd").find((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`) === "anon_inode:[fanotify]";
    } catch {
      return false; // the one of readdir itself
    }
  });
  const text = fd === undefined ? "" : readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
  if (text === "") return FAN_UNLIMITED_QUEUE; // which was asked for
  return Number.parseInt(/^fanotify flags:([0-9a-f]+)/m.exec(text)?.[1] ?? "0", 16);
}
