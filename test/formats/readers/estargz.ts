import { lenientJson, trim } from "./bytes.ts";
import type { Image } from "./image.ts";

/** F6: `--estargz-record-in`, and the other reader of the same file, which wants all three properties. */
export function estargzRecord(text: string, image: Image): string[] {
  const found = new Set<string>();
  for (const line of text.split("\n").filter((each) => each !== "")) {
    const { path, manifestDigest, layerIndex } = lenientJson(line) as Record<string, unknown>;
    if (typeof manifestDigest !== "string") throw new Error("An entry without manifestDigest");
    if (!Number.isInteger(layerIndex)) throw new Error("An entry without layerIndex");
    if (typeof path === "string" && image.files.has(`/${path}`)) found.add(`/${path}`);
  }
  return [...found];
}

/** F7: `ctr-remote image optimize --prefetch-list`. */
export function estargzPrefetchList(text: string, image: Image): string[] {
  const found = new Set<string>();
  for (const line of text.split("\n").map(trim)) {
    if (line === "" || line.startsWith("#")) continue;
    const path = line.startsWith("/") ? line : `/${line}`;
    for (const file of image.files) {
      if (/[*?[]/.test(path) ? isMatch(path, file) : file === path) found.add(file);
    }
  }
  return [...found];
}

/** `*` and `?` of one folder, `**` of all, and `[…]`, of which a broken one fits nothing. */
function isMatch(pattern: string, path: string): boolean {
  const source = pattern.replaceAll(/\*\*|\*|\?|\[[^\]]+\]|[^\w/]/gs, (part) => {
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    if (part.length > 1) return `[${RegExp.escape(part.slice(1, -1))}]`;
    return part === "[" ? "(?!)" : RegExp.escape(part);
  });
  return new RegExp(`^${source}$`, "s").test(path);
}
