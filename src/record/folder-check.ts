import { constants } from "node:fs";
import { access, mkdir, open } from "node:fs/promises";
import { errorCode } from "../sys/errno.ts";
import { O_TMPFILE } from "../sys/open-flags.ts";

/** Why no result can be written to a folder. */
export interface FolderProblem {
  /** The errno's name, or NO_ANSWER of a disk that hangs. */
  readonly code: string;
  readonly text: string;
  readonly cure: string | undefined;
}

/** What an error of the system means for a folder of results. */
export function folderProblem(directory: string, error: unknown): FolderProblem {
  const code = errorCode(error) ?? String(error);
  return { code, text: `no result can be written to ${directory}: ${code}`, cure: cureFor(code, directory) };
}

/** For the log: `text; cure`. */
export function formatFolderProblem({ text, cure }: FolderProblem): string {
  return cure === undefined ? text : `${text}; ${cure}`;
}

/** The code of a problem that may be none: the disk has said nothing. */
export const NO_ANSWER = "no answer";

/** How patient a caller is, and how old a good answer it takes. */
export interface CheckOptions {
  readonly timeoutMs: number;
  readonly maxAgeMs: number;
}

/** The folder of results and those above it are made with this mode. */
const FOLDER_MODE = 0o755;

/** Names of one number, which is not the same one everywhere, and what a file system says that takes it for a folder. */
const NO_NAMELESS_FILES: ReadonlySet<string> = new Set(["EOPNOTSUPP", "ENOTSUP", "EISDIR"]);

/**
 * Tells whether results can be written to a folder, by making a file there that never gets a name. One check at a time:
 * a disk that hangs must not take one thread of the pool after the other.
 */
export class FolderCheck {
  readonly #directory: string;
  #running: Promise<void> | undefined;
  #last: { readonly sinceMs: number; readonly problem: FolderProblem | undefined } | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Resolves to what is wrong, or undefined when all is well. Never rejects. */
  async check({ timeoutMs, maxAgeMs }: CheckOptions): Promise<FolderProblem | undefined> {
    const tooLate = Promise.withResolvers<FolderProblem>();
    const timer = setTimeout(() => tooLate.resolve(this.#noAnswer(timeoutMs)), timeoutMs);
    try {
      return await Promise.race([this.#look(maxAgeMs), tooLate.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** That all was well holds for a while. What was wrong may be right by now: that takes a check that begins from now on. */
  async #look(maxAgeMs: number): Promise<FolderProblem | undefined> {
    const nowMs = performance.now();
    for (;;) {
      const last = this.#last;
      const oldestMs = last?.problem === undefined ? nowMs - maxAgeMs : nowMs;
      if (last !== undefined && last.sinceMs >= oldestMs) return last.problem;
      this.#running ??= this.#run();
      await this.#running;
    }
  }

  #noAnswer(timeoutMs: number): FolderProblem {
    const text = `${this.#directory} did not answer within ${Math.round(timeoutMs)} ms`;
    return { code: NO_ANSWER, text, cure: "see what keeps its disk busy, or dead" };
  }

  async #run(): Promise<void> {
    const sinceMs = performance.now();
    const problem = await tryToWrite(this.#directory);
    this.#last = { sinceMs, problem };
    this.#running = undefined;
  }
}

async function tryToWrite(directory: string): Promise<FolderProblem | undefined> {
  try {
    await makeNamelessFile(directory).catch(async (error: unknown) => {
      if (errorCode(error) !== "ENOENT") throw error;
      await mkdir(directory, { recursive: true, mode: FOLDER_MODE });
      await makeNamelessFile(directory);
    });
    return undefined;
  } catch (error) {
    return folderProblem(directory, error);
  }
}

async function makeNamelessFile(directory: string): Promise<void> {
  try {
    await using file = await open(directory, O_TMPFILE | constants.O_WRONLY, 0o600);
    await file.write("."); // a full disk is told here
  } catch (error) {
    // Not every file system has such files (NFS, FUSE). Rights and a read-only mount are all that can be asked then.
    if (!NO_NAMELESS_FILES.has(errorCode(error) ?? "")) throw error;
    await access(directory, constants.W_OK | constants.X_OK);
  }
}

function cureFor(code: string, directory: string): string | undefined {
  switch (code) {
    case "EROFS":
      return "mount it writable (in a pod: a hostPath volume of type DirectoryOrCreate), or set persist_dir to another folder";
    case "EACCES":
    case "EPERM":
      // The right to write into the folders of others is given up at the start.
      return `it has to be root's, and writable: chown root ${directory}`;
    case "ENOSPC":
    case "EDQUOT":
      return "make room there";
    case "ENOTDIR":
    case "EEXIST":
      return "a file stands in its way: move that, or set persist_dir to another folder";
    default:
      return undefined;
  }
}
