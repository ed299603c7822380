import type { Image } from "./image.ts";

/** F9: `record-trace --priority_list`. */
export function overlaybdPriorities(text: string, image: Image): string[] {
  if (text.length > 65_536) throw new Error("prefetch list file too large");
  return text.split("\n").flatMap((line) => {
    const path = line.replace(/^ +/, "").replace(/^\/+/, "");
    if (!/^([A-Za-z0-9_.-]+\/)*[A-Za-z0-9_.-]+\/?$/.test(path)) return [];
    if (path.endsWith("/")) return image.filesBelow(`/${path.slice(0, -1)}`) ?? [];
    return image.files.has(`/${path}`) ? [`/${path}`] : [];
  });
}
