import { mergeLists } from "./cli/merge-lists.ts";
import type { Log } from "./log.ts";
import { outliveMistakes } from "./mistakes.ts";
import { Claim, type Lock } from "./record/claim.ts";
import { folderProblem, formatFolderProblem } from "./record/folder-check.ts";
import { recover } from "./record/recovery.ts";
import { Sessions } from "./session/sessions.ts";
import { type Call, type Notice, type Request, sharedNowMs } from "./session/tracing.ts";
import { messageOf } from "./sys/errno.ts";
import { loadShim } from "./sys/shim.ts";
import { TracerSource } from "./trace/tracer-source.ts";

/** The program of the tracing thread: see session/tracing-thread.ts. */

declare const self: Worker;

/** Whoever looks when a container has stopped shall find its result; a slow disk is not waited for. */
const DISK_PATIENCE_MS = 200;

const log: Log = {
  info: (message) => tell({ kind: "log", severity: "info", message }),
  warn: (message) => tell({ kind: "log", severity: "warn", message }),
  error: (message) => tell({ kind: "log", severity: "error", message }),
};

function tell(notice: Notice): void {
  postMessage(notice);
}

/** The folders that results went to. */
const claims = new Map<string, Claim>();

async function adopt(directory: string, lock: Lock): Promise<void> {
  if (claims.has(directory)) return;
  try {
    claims.set(directory, await Claim.take(directory, lock));
    await recover({ directory, lock, log });
  } catch (error) {
    log.error(formatFolderProblem(folderProblem(directory, error)));
  }
}

/** Resolves when the runtime may have its answer, which is before everything is on disk. */
async function serve(sessions: Sessions, lock: Lock, request: Request): Promise<void> {
  switch (request.kind) {
    case "start":
      return await sessions.start(request.container, request.config, request.runtime, {
        waitedMs: sharedNowMs() - request.sinceMs,
        blocked: request.blocked,
      });
    case "join":
      return await sessions.join(request.container, request.config, request.runtime);
    case "stop": {
      const complete = sessions.stop(request.containerId);
      await sessions.drained(request.containerId);
      return await Promise.race([complete, Bun.sleep(DISK_PATIENCE_MS)]);
    }
    case "end all":
      return await sessions.endAll(request.reason);
    case "adopt folder":
      return await adopt(request.directory, lock);
    case "count":
      return tell({ kind: "counts", counts: sessions.counts() });
    case "finish":
      await sessions.finishMerges(request.timeoutMs);
      await Promise.all([...claims.values()].map((claim) => claim.release()));
  }
}

outliveMistakes(log);

try {
  const shim = loadShim();
  const tracers = await TracerSource.start(shim);
  const sessions = new Sessions({
    tracer: () => tracers.get(),
    xattr: shim.readXattr,
    log,
    merge: mergeLists,
    onWritable: (directory) => void adopt(directory, shim.lock),
  });
  self.onmessage = async ({ data: { id, request } }: MessageEvent<Call>) => {
    tell({ kind: "seen", id });
    try {
      await serve(sessions, shim.lock, request);
    } finally {
      tell({ kind: "done", id }); // a mistake of ours, which is logged, holds up nobody
    }
  };
  tell({ kind: "ready" });
} catch (error) {
  tell({ kind: "unable", why: messageOf(error) });
}
