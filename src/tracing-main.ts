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

/** The folders that results go to, each with a sign that we are alive. */
const claims = new Map<string, Promise<Claim | undefined>>();
/** What kept that from being there, as it was told. */
const told = new Map<string, string>();

/** Takes a folder, unless it is ours already: what an earlier run left half-done there is completed first. */
async function adopt(directory: string, lock: Lock): Promise<void> {
  const claiming = claims.get(directory) ?? claim(directory, lock);
  claims.set(directory, claiming);
  // It may be there the next time.
  if ((await claiming) === undefined && claims.get(directory) === claiming) claims.delete(directory);
}

async function claim(directory: string, lock: Lock): Promise<Claim | undefined> {
  try {
    const taken = await Claim.take(directory, lock);
    told.delete(directory);
    await recover({ directory, lock, log });
    return taken;
  } catch (error) {
    const problem = formatFolderProblem(folderProblem(directory, error));
    if (told.get(directory) !== problem) log.error(problem);
    told.set(directory, problem);
    return undefined;
  }
}

/** Resolves when the runtime may have its answer, which is before everything is on disk. */
async function serve(sessions: Sessions, lock: Lock, request: Request): Promise<void> {
  switch (request.kind) {
    case "start":
      void adopt(request.config.persistDir, lock); // it may not have been there before
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
      await Promise.all([...claims.values()].map(async (claiming) => (await claiming)?.release()));
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
