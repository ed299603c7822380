import { errorCode } from "../sys/errno.ts";
import { processStat } from "../sys/process-stat.ts";
import { openStream } from "../sys/stream.ts";
import { parseStatus, type ReadStatus } from "./read-status.ts";
import { findSockets, type PluginSocket } from "./run-folder.ts";

/** What a plugin that has a socket says of itself. `pid` is ours for it, or 0 where it has none in our pid namespace. */
export type Answer =
  | { readonly pid: number; readonly kind: "answered"; readonly status: ReadStatus }
  /** It takes the question and says nothing: it is stopped, or hangs. */
  | { readonly pid: number; readonly kind: "silent"; readonly waitedMs: number }
  /** It was killed, and has left its socket. */
  | { readonly pid: number; readonly kind: "gone" }
  /** What it says is no status of this program. */
  | { readonly pid: number; readonly kind: "strange"; readonly why: string };

const QUESTION = Buffer.from("status\n");
/** A status has some KiB. */
const ANSWER_BYTES_MAX = 1 << 20;

/**
 * Asks all plugins that have a socket in the folder. `peerPid` tells the process behind a socket; without it the pid is the
 * one in the socket's name, which means something in the plugin's own pid namespace. A text says why nobody there can be
 * asked. Never rejects.
 */
export async function askPlugins(
  folder: string,
  timeoutMs: number,
  peerPid?: (fd: number) => number,
): Promise<readonly Answer[] | string> {
  const sockets = findSockets(folder);
  if (typeof sockets === "string") return sockets;
  return await Promise.all(sockets.map((socket) => askPlugin(socket, timeoutMs, peerPid)));
}

async function askPlugin(
  { path, pid: named }: PluginSocket,
  timeoutMs: number,
  peerPid: ((fd: number) => number) | undefined,
): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  let pid = named;
  let text = "";
  const timer = setTimeout(() => resolve({ pid, kind: "silent", waitedMs: timeoutMs }), timeoutMs);
  const asking = openStream(
    { path },
    {
      data(chunk) {
        text += Buffer.from(chunk).toString("latin1");
        if (text.length > ANSWER_BYTES_MAX) resolve({ pid, kind: "strange", why: "it does not end" });
      },
      end: () => resolve(readAnswer(pid, Buffer.from(text, "latin1").toString("utf8"))),
    },
  ).then((stream) => {
    pid = peerPid?.(stream.fd) ?? named;
    stream.write(QUESTION);
    return stream;
  });
  asking.catch((error: unknown) => {
    const code = errorCode(error) ?? String(error);
    // One whose queue is full refuses, too; it is gone when its process is.
    const refuses = code === "ECONNREFUSED" || code === "ENOENT";
    if (!refuses) resolve({ pid, kind: "strange", why: code });
    else if (processStat(named) === undefined) resolve({ pid, kind: "gone" });
    else resolve({ pid, kind: "silent", waitedMs: timeoutMs });
  });
  const answer = await promise;
  clearTimeout(timer);
  void asking.then((stream) => stream.close()).catch(() => {});
  return answer;
}

function readAnswer(pid: number, text: string): Answer {
  const status = parseStatus(text);
  return status === undefined
    ? { pid, kind: "strange", why: "what it says is no status" }
    : { pid, kind: "answered", status };
}

/** Whether nobody listens at a socket. Never rejects. */
export async function isRefused(path: string): Promise<boolean> {
  try {
    const stream = await openStream({ path }, { data() {}, end() {} });
    stream.close();
    return false;
  } catch (error) {
    return errorCode(error) === "ECONNREFUSED";
  }
}
