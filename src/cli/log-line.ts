import type { LogLine } from "../log-limit.ts";
import { STEERING } from "../sys/terminal.ts";

/** A line as files and terminals have it, with its end. */
export function formatLine({ severity, text }: LogLine): Uint8Array {
  return Buffer.from(`${new Date().toISOString()} ${severity} ${oneLine(text)}\n`);
}

/**
 * A name from a container must not begin a line of its own, nor command the terminal of who reads it, nor hide or turn
 * round what stands behind it.
 */
export function oneLine(text: string): string {
  return text.replace(STEERING, (character) => {
    const json = JSON.stringify(character).slice(1, -1);
    if (json !== character) return json;
    const code = (character.codePointAt(0) ?? 0).toString(16).padStart(4, "0");
    return code.length > 4 ? `\\u{${code}}` : `\\u${code}`; // DEL, and what JSON lets pass
  });
}
