import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readFile } from "node:fs/promises";
import { errorCode } from "./errno.ts";
import { FilePlace, failure, type LinkFile } from "./file-place.ts";
import { NamedFile, UnnamedFile } from "./new-file-output.ts";
import { O_PATH, O_TMPFILE } from "./open-flags.ts";
import { type Output, OverwrittenFile } from "./output.ts";
import type { OutputTarget } from "./output-target.ts";

/** How a file is replaced. */
export interface ReplacementOptions {
  /** Without it no file can be made that has no name at first. */
  readonly linkFile: LinkFile | undefined;
  /** Of a file that is not there yet; the process's umask takes bits away. */
  readonly mode: number;
  /** Whether a file is replaced that this process may not write to: the new one is its own then. */
  readonly foreign: "refuse" | "replace";
}

const PERMISSION_BITS = 0o777;

/**
 * Begins the new content of a regular file, which gets into its place as a whole; mode and owner of an older
 * file stay. Makes sure that this will work, and changes nothing yet. Rejects with the system's error.
 *
 * SIGKILL leaves nothing behind, whenever it comes, but for two cases, in which it leaves one hidden file:
 * - between the two system calls that replace an older file. Nothing takes that file away: its name is random, and
 *   under a name that others can foresee they could put a file of their own.
 * - between the first write and the end, where the file system has no O_TMPFILE (NFS, vfat, older FUSE and overlay).
 *
 * Where nothing can be put into the place of an older file, it is written over, as a shell's `>` does it: where it is a
 * mount point, where its folder takes no new file, and where a new one could not have its owner.
 */
export async function beginReplacement(
  target: OutputTarget & { readonly kind: "file" },
  options: ReplacementOptions,
): Promise<Output> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await open(target.folder, O_PATH | constants.O_DIRECTORY));
  const place = new FilePlace(folder, target.name, options.linkFile);
  // Not what the target was found with: it may have lain in another folder of that path.
  const older = (await place.look()) === undefined ? undefined : await openOlder(place, options);
  if (older !== undefined) opened.use(older);
  if (older === undefined || !(await isMountPoint(older, folder))) {
    const output = await makeNew(place, await older?.stat(), options);
    if (output !== undefined) {
      opened.move(); // the folder is the output's
      await older?.close();
      return output;
    }
  }
  if (older === undefined) throw failure("EACCES");
  opened.move();
  await folder.close();
  return new OverwrittenFile(older);
}

/** Not the errors of a full disk, say: writing over the older file would lose that, too. */
const REFUSED = new Set(["EACCES", "EPERM", "EROFS", "ENOENT", "EOPNOTSUPP", "ENOTSUP"]);

/** The new file, empty; undefined where the older one has to be written over. */
async function makeNew(
  place: FilePlace,
  older: Stats | undefined,
  { linkFile, mode, foreign }: ReplacementOptions,
): Promise<Output | undefined> {
  // Asked again at the end: somebody may have made a file, or another one, in the meantime.
  const takeOver = async (file: FileHandle) => {
    const like = (await place.older()) ?? older;
    if (like === undefined || (await becomeLike(file, like))) return true;
    return foreign === "replace"; // it is our own then
  };
  try {
    const unnamed = linkFile && (await openUnnamed(place, mode));
    if (unnamed !== undefined) {
      if (await takeOver(unnamed)) return new UnnamedFile(place, unnamed, takeOver);
      await unnamed.close();
      return undefined;
    }
    const named = new NamedFile(place, mode, takeOver);
    return (await named.isPossible()) ? named : undefined;
  } catch (error) {
    if (older !== undefined && REFUSED.has(errorCode(error) ?? "")) return undefined;
    throw error;
  }
}

/** Undefined where the file system has no such files. */
async function openUnnamed(place: FilePlace, mode: number): Promise<FileHandle | undefined> {
  return await open(place.at("."), O_TMPFILE | constants.O_WRONLY, mode).catch((error: unknown) => {
    const code = errorCode(error) ?? "";
    // EISDIR and ENOENT: a file system that does not know the flag opens the folder itself.
    if (["EOPNOTSUPP", "ENOTSUP", "EISDIR", "ENOENT", "EINVAL"].includes(code)) return undefined;
    throw error;
  });
}

/** O_CREAT, though it is there: the kernel then guards folders like /tmp (fs.protected_regular), as it does for `>`. */
const OLDER_FLAGS =
  constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

async function openOlder(place: FilePlace, options: ReplacementOptions): Promise<FileHandle | undefined> {
  let file: FileHandle;
  try {
    file = await open(place.path, OLDER_FLAGS, options.mode);
  } catch (error) {
    const code = errorCode(error);
    if (options.foreign === "replace" && (code === "EACCES" || code === "EPERM")) return undefined;
    throw error;
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw failure("EEXIST"); // something else has taken its place at this moment
}

/** Gives a new file the owner and the mode of an older one. Returns whether that is possible. */
async function becomeLike(file: FileHandle, { uid, gid, mode }: Stats): Promise<boolean> {
  const own = await file.stat();
  try {
    if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid);
    await file.chmod(mode & PERMISSION_BITS);
    return true;
  } catch {
    return false;
  }
}

/** Nothing can be renamed over a file that is mounted, as container runtimes do it with single files. */
async function isMountPoint(file: FileHandle, folder: FileHandle): Promise<boolean> {
  const [own, above] = await Promise.all([mountIdOf(file), mountIdOf(folder)]);
  return own !== above;
}

async function mountIdOf({ fd }: FileHandle): Promise<string | undefined> {
  return /^mnt_id:\s*(\d+)/m.exec(await readFile(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1];
}
