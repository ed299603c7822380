import { writeAll } from "../sys/terminal.ts";
import type { OutputFile } from "./output-file.ts";

/** So much text makes one write. */
const WRITE_CHARS = 1 << 20;

/** Writes latin1 text to stdout, or to a file that appears when all of it is written. */
export async function writeText(text: Iterable<string>, file: OutputFile | undefined): Promise<void> {
  let pending = "";
  const flush = async (): Promise<void> => {
    if (file === undefined) writeAll(Buffer.from(pending, "latin1"));
    else await file.append(pending);
    pending = "";
  };
  for (const piece of text) {
    pending += piece;
    if (pending.length >= WRITE_CHARS) await flush();
  }
  await flush();
  await file?.finish();
}
