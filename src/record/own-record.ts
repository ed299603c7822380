import type { FileHandle } from "node:fs/promises";
import { openFound } from "./new-file.ts";

/** The larger ones are of lists that nobody would want to make again. */
const RECORD_BYTES_MAX = 64 << 20;
/** There the state stands. */
const HEAD_BYTES = 512;

/**
 * The record of a result, as far as it says itself; undefined for all that is none of ours, or that cannot be read. Of
 * one whose beginning does not have the word in `state`, no more is read.
 */
export async function readOwnRecord(
  path: string,
  state?: "recording",
): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    await using file = await openFound(path);
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > RECORD_BYTES_MAX) return undefined;
    if (state !== undefined && !(await readStart(file, HEAD_BYTES)).includes(`"${state}"`)) return undefined;
    const record: unknown = JSON.parse(await readStart(file, stats.size));
    return typeof record === "object" && record !== null ? (record as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function readStart(file: FileHandle, bytes: number): Promise<string> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
  return buffer.toString("utf8", 0, bytesRead);
}
