/** As Rust reads a String: throws when the bytes (latin1) are not UTF-8. Returns them as they were. */
export function strict(bytes: string): string {
  new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(bytes, "latin1"));
  return bytes;
}

/** JSON as Rust's serde reads it. Strings come as latin1 of their UTF-8. */
export function strictJson(bytes: string): unknown {
  return inLatin1(JSON.parse(Buffer.from(strict(bytes), "latin1").toString()));
}

/** JSON as Go reads it: what is not UTF-8 becomes U+FFFD. Strings come as latin1 of their UTF-8. */
export function lenientJson(bytes: string): unknown {
  return inLatin1(JSON.parse(Buffer.from(bytes, "latin1").toString()));
}

function inLatin1(value: unknown): unknown {
  if (typeof value === "string") return Buffer.from(value).toString("latin1");
  if (Array.isArray(value)) return value.map(inLatin1);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inLatin1(each)]));
}

const blanks = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code))
  .filter((character) => /\p{White_Space}/u.test(character))
  .map((character) => Buffer.from(character).toString("latin1"));

/** Without blanks at both ends: Rust's trim() and Go's strings.TrimSpace(), which keeps bytes that are no UTF-8. */
export function trim(bytes: string): string {
  for (const blank of blanks) {
    if (bytes.startsWith(blank)) return trim(bytes.slice(blank.length));
    if (bytes.endsWith(blank)) return trim(bytes.slice(0, -blank.length));
  }
  return bytes;
}
