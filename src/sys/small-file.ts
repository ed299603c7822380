import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { O_PATH } from "./open-flags.ts";

/**
 * The text, latin1, of a regular file of at most `bytesMax` bytes that somebody else may have put there. Undefined when it
 * is anything else: a link, a FIFO or a device in its place is neither followed, waited for nor touched.
 */
export function readSmallFile(path: string, bytesMax: number): string | undefined {
  let handle: number | undefined;
  let fd: number | undefined;
  try {
    // Finds out what it is before it is opened in earnest: to open a device can have effects already.
    handle = openSync(Buffer.from(path, "latin1"), O_PATH | constants.O_NOFOLLOW);
    if (!fstatSync(handle).isFile()) return undefined;
    fd = openSync(`/proc/self/fd/${handle}`, constants.O_RDONLY | constants.O_NONBLOCK);
    const buffer = Buffer.allocUnsafe(bytesMax + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < buffer.length; length += read) {
      read = readSync(fd, buffer, length, buffer.length - length, length);
    }
    return length > bytesMax ? undefined : buffer.toString("latin1", 0, length);
  } catch {
    return undefined;
  } finally {
    for (const open of [fd, handle]) if (open !== undefined) closeSync(open);
  }
}
