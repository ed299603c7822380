import { isUtf8 as areUtf8 } from "node:buffer";

/** Whether bytes (latin1) are UTF-8. */
export function isUtf8(bytes: string): boolean {
  // Most names are ASCII: nothing is copied for them.
  return !/[^\0-\x7f]/.test(bytes) || areUtf8(Buffer.from(bytes, "latin1"));
}

/** Text as the bytes of its UTF-8, latin1. */
export function toLatin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}

/**
 * The property `key` of a JSON object, with bytes (latin1) as text. JSON has no bytes: what is not UTF-8 comes as
 * `<key>Base64` besides.
 */
export function jsonText(key: string, bytes: string): Record<string, string> {
  if (!/[^\0-\x7f]/.test(bytes)) return { [key]: bytes };
  const buffer = Buffer.from(bytes, "latin1");
  const text = buffer.toString();
  return areUtf8(buffer) ? { [key]: text } : { [key]: text, [`${key}Base64`]: buffer.toString("base64") };
}

/** A JSON string, latin1, of bytes that are UTF-8: JSON escapes ASCII alone, so they need not be decoded. */
export function jsonString(utf8: string): string {
  return JSON.stringify(utf8);
}
