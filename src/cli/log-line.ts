import type { LogLine } from "../log-limit.ts";

/** A line as files and terminals have it, with its end. */
export function formatLine({ severity, text }: LogLine): Uint8Array {
  return Buffer.from(`${new Date().toISOString()} ${severity} ${oneLine(text)}\n`);
}

/** A name from a container must not begin a line of its own. */
export function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
  return text.replace(/[\x00-\x1f\x7f]/g, (character) => JSON.stringify(character).slice(1, -1));
}
