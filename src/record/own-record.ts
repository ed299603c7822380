import type { FileHandle } from "node:fs/promises";
import { RECORD_BYTES_MAX } from "../formats/record-size.ts";
import { openFound } from "./new-file.ts";

/** What a record says of its list. */
export interface OwnState {
  readonly state: "recording" | "ended";
  /** Undefined where it does not say. */
  readonly complete: boolean | undefined;
}

/** Our records begin so, whatever is in them: to read and parse the rest takes seconds where lists are long. */
const HEAD_BYTES = 512;
const head = /^\s*\{\s*"version":\s*\d+,\s*"complete":\s*(true|false|null),\s*"state":\s*"(recording|ended)"/;

/** How far a list is, as its record says itself; undefined for all that is none of ours, or that cannot be read. */
export async function readOwnState(path: string): Promise<OwnState | undefined> {
  return await read(path, async (file, size) => {
    const [, complete, state] = head.exec(await readStart(file, Math.min(HEAD_BYTES, size))) ?? [];
    if (complete !== undefined) return stateOf({ state, complete: JSON.parse(complete) });
    return stateOf(parse(await readStart(file, size)));
  });
}

/**
 * The record of a list that is still being made, or whose recorder was killed; undefined for any other, and for all that
 * is none of ours, or that cannot be read.
 */
export async function readUnended(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const found = await readOwnState(path);
  if (found?.state !== "recording") return undefined;
  return await read(path, async (file, size) => parse(await readStart(file, size)));
}

function stateOf(record: Readonly<Record<string, unknown>> | undefined): OwnState | undefined {
  const { state, complete } = record ?? {};
  if (state !== "recording" && state !== "ended") return undefined;
  return { state, complete: typeof complete === "boolean" ? complete : undefined };
}

async function read<T>(
  path: string,
  act: (file: FileHandle, size: number) => Promise<T>,
): Promise<T | undefined> {
  try {
    await using file = await openFound(path);
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > RECORD_BYTES_MAX) return undefined;
    return await act(file, stats.size);
  } catch {
    return undefined;
  }
}

function parse(text: string): Readonly<Record<string, unknown>> | undefined {
  const record: unknown = JSON.parse(text);
  return typeof record === "object" && record !== null ? (record as Record<string, unknown>) : undefined;
}

async function readStart(file: FileHandle, bytes: number): Promise<string> {
  const buffer = Buffer.alloc(bytes);
  let length = 0;
  for (let read = -1; length < bytes && read !== 0; length += read) {
    read = (await file.read(buffer, length, bytes - length, length)).bytesRead;
  }
  return buffer.toString("utf8", 0, length);
}
