import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import type { StoredFile } from "./find-results.ts";

const CHUNK_BYTES = 4 << 20;
/** Paths have 4096 bytes at most; a longer line is somebody else's. */
const LINE_CHARS_MAX = 64 * 1024;

/** It was a regular file when it was found. Should it be a pipe by now, nobody is waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * The file as latin1 text, piece by piece. Throws the system's error when it cannot be read, or when something else has
 * taken its place.
 */
export function* readChunks({ path }: StoredFile): Generator<string> {
  const fd = openSync(path, FLAGS);
  try {
    if (!fstatSync(fd).isFile()) throw Object.assign(new Error(), { code: "it is no regular file" });
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const length = readSync(fd, buffer, 0, buffer.byteLength, null);
      if (length === 0) return;
      yield buffer.toString("latin1", 0, length);
    }
  } finally {
    closeSync(fd);
  }
}

/** The whole lines of a file, without their ends. What is behind the last newline is being written. */
export function* readLines(file: StoredFile): Generator<string> {
  let rest = "";
  for (const chunk of readChunks(file)) {
    const text = rest + chunk;
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      yield text.slice(start, end);
      start = end + 1;
    }
    rest = text.length - start > LINE_CHARS_MAX ? "" : text.slice(start);
  }
}
