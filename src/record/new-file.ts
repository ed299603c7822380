import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { errorCode } from "../sys/errno.ts";

/** Descriptors that are used up come back: events take many, for moments, and other results end. */
const DESCRIPTOR_WAIT_MS = 3000;
const DESCRIPTOR_POLL_MS = 20;
/** Results are for builders, who are other users. */
const FILE_MODE = 0o644;

/** Opens a file, if need be when there are descriptors again. Rejects with the system's error. */
export async function openPatiently(path: string, flags: number, mode = FILE_MODE): Promise<FileHandle> {
  const deadlineMs = performance.now() + DESCRIPTOR_WAIT_MS;
  for (;;) {
    try {
      return await open(path, flags, mode);
    } catch (error) {
      if (!lacksDescriptors(error) || performance.now() > deadlineMs) throw error;
      await Bun.sleep(DESCRIPTOR_POLL_MS);
    }
  }
}

/** Whether an error says that there are no descriptors left, of the process or of the host. */
export function lacksDescriptors(error: unknown): boolean {
  const code = errorCode(error);
  return code === "EMFILE" || code === "ENFILE";
}

/** Opens what was found at a name for reading: no link is followed, and no pipe waited for. */
export function openFound(path: string): Promise<FileHandle> {
  return openPatiently(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

/** A new file that is surely ours: whatever lies at the name, be it a link, is taken away first. */
export async function create(path: string, mode = FILE_MODE): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const deadlineMs = performance.now() + DESCRIPTOR_WAIT_MS;
  for (;;) {
    try {
      return await openPatiently(path, flags, mode);
    } catch (error) {
      if (errorCode(error) !== "EEXIST" || performance.now() > deadlineMs) throw error;
      await unlink(path);
    }
  }
}

/** Makes a file with this text, durable before anything is renamed over. Leaves none when that fails. */
export async function writeNew(path: string, text: string): Promise<void> {
  const file = await create(path);
  try {
    await file.writeFile(text);
    await file.datasync();
  } catch (error) {
    await unlink(path).catch(() => {});
    throw error;
  } finally {
    await file.close();
  }
}

/**
 * Writes a text over that of a regular file, for a disk that has no room for another one. A reader may see half of
 * either.
 */
export async function overwrite(path: string, text: string): Promise<void> {
  const file = await openPatiently(path, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw Object.assign(new Error("no file"), { code: "EINVAL" });
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.byteLength; ) at += (await file.write(bytes, at, undefined, at)).bytesWritten;
    await file.truncate(bytes.byteLength);
    await file.datasync();
  } finally {
    await file.close();
  }
}
