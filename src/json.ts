/** An object out of a file: each field is looked at before it is used. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Longer names and paths than this are garbage. */
const TEXT_CHARS_MAX = 4096;

/** Parses a text; undefined when it is no JSON. */
export function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // half written, or something else (a RangeError, when it is nested without end)
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A field that is an object, or an empty one. */
export function objectAt(object: unknown, key: string): JsonObject {
  const value = fieldAt(object, key);
  return isObject(value) ? value : {};
}

/** A field that is a text of a sensible length, or the empty one. */
export function textAt(object: unknown, key: string): string {
  const value = fieldAt(object, key);
  return typeof value === "string" && value.length <= TEXT_CHARS_MAX ? value : "";
}

/** A field that is a positive whole number, be it written as text. */
export function positiveAt(object: unknown, key: string): number | undefined {
  const value = Number(fieldAt(object, key));
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

function fieldAt(object: unknown, key: string): unknown {
  return isObject(object) && Object.hasOwn(object, key) ? object[key] : undefined;
}
