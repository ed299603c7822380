import { errorCode } from "../sys/errno.ts";
import { openStream } from "../sys/stream.ts";
import { parseStatus, type ReadStatus } from "./read-status.ts";
import { findSockets, socketPath } from "./run-folder.ts";

/** What a plugin that has a socket says of itself. */
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

/** Asks all plugins that have a socket in the folder. A text says why nobody there can be asked. Never rejects. */
export async function askPlugins(folder: string, timeoutMs: number): Promise<readonly Answer[] | string> {
  const pids = findSockets(folder);
  if (typeof pids === "string") return pids;
  return await Promise.all(pids.map((pid) => askPlugin(folder, pid, timeoutMs)));
}

async function askPlugin(folder: string, pid: number, timeoutMs: number): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  let text = "";
  const timer = setTimeout(() => resolve({ pid, kind: "silent", waitedMs: timeoutMs }), timeoutMs);
  const opening = openStream(
    { path: socketPath(folder, pid) },
    {
      data(chunk) {
        text += Buffer.from(chunk).toString("latin1");
        if (text.length > ANSWER_BYTES_MAX) resolve({ pid, kind: "strange", why: "it does not end" });
      },
      end: () => resolve(readAnswer(pid, Buffer.from(text, "latin1").toString("utf8"))),
    },
  );
  const asking = opening.then((stream) => {
    stream.write(QUESTION);
    return stream;
  });
  asking.catch((error: unknown) => {
    const code = errorCode(error) ?? String(error);
    const isGone = code === "ECONNREFUSED" || code === "ENOENT";
    resolve(isGone ? { pid, kind: "gone" } : { pid, kind: "strange", why: code });
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
