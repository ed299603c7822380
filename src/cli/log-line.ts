import type { LogLine } from "../log-limit.ts";

/** A line as files and terminals have it, with its end. */
export function formatLine({ severity, text }: LogLine): Uint8Array {
  return Buffer.from(`${new Date().toISOString()} ${severity} ${oneLine(text)}\n`);
}

/** A name from a container must not begin a line of its own, nor command the terminal of who reads it. */
export function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => {
    const json = JSON.stringify(character).slice(1, -1);
    return json === character ? `\\u00${character.charCodeAt(0).toString(16)}` : json; // DEL, and those beyond it
  });
}
