import { writeAll } from "../sys/terminal.ts";
import { OutputFile } from "./output-file.ts";

/** So much text makes one write. */
const WRITE_CHARS = 1 << 20;

/** Writes latin1 text to stdout, or to a file that appears when all of it is written. */
export function writeText(text: Iterable<string>, path: string | undefined): void {
  using file = path === undefined ? undefined : new OutputFile(path);
  let pending = "";
  const flush = (): void => {
    if (file === undefined) writeAll(Buffer.from(pending, "latin1"));
    else file.append(pending);
    pending = "";
  };
  for (const piece of text) {
    pending += piece;
    if (pending.length >= WRITE_CHARS) flush();
  }
  flush();
  file?.finish();
}
