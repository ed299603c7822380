import { lenientJson } from "./bytes.ts";

/** F4: the plugin for pods and the snapshotter behind it. */
export function nydusAnnotations(text: string): Record<string, string>[] {
  const entries = lenientJson(text);
  if (!Array.isArray(entries)) throw new Error("The value is no array");
  for (const entry of entries) {
    if (Object.values(entry).some((value) => typeof value !== "string"))
      throw new Error("Not all are strings");
  }
  return entries;
}
