import { constants } from "node:fs";
import { type FileHandle, open, unlink } from "node:fs/promises";
import { errorCode } from "../sys/errno.ts";

/** Descriptors that are used up come back: events take many, for moments, and other results end. */
const DESCRIPTOR_WAIT_MS = 3000;
const DESCRIPTOR_POLL_MS = 20;
const FILE_MODE = 0o644;

/** A new file that is surely ours: whatever lies at the name, be it a link, is taken away first. */
export async function create(path: string): Promise<FileHandle> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const deadlineMs = performance.now() + DESCRIPTOR_WAIT_MS;
  for (;;) {
    try {
      return await open(path, flags, FILE_MODE);
    } catch (error) {
      const code = errorCode(error);
      if (performance.now() > deadlineMs) throw error;
      if (code === "EEXIST") await unlink(path);
      else if (code === "EMFILE" || code === "ENFILE") await Bun.sleep(DESCRIPTOR_POLL_MS);
      else throw error;
    }
  }
}

/** Makes a file with this text, durable before anything is renamed over. */
export async function writeNew(path: string, text: string): Promise<void> {
  const file = await create(path);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
}

/** Makes new names in a folder durable. Not every file system can; then its own pace must do. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    await directory.sync().catch(() => {});
    await directory.close();
  } catch {
    // The folder is gone, and the result with it.
  }
}
