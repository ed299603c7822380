import { lstatSync } from "node:fs";
import { join } from "node:path";
import { folderLayer, type Layer, type LayerEntry } from "./layers.ts";

/** A small Debian: the lowest layer. `folder` is that of unpacked packages. */
export function* debianLayer(folder: string): Generator<LayerEntry> {
  yield* folderLayer(folder, isDocumentation);
  yield { kind: "file", path: "/etc/passwd", content: PASSWD };
  yield { kind: "file", path: "/etc/group", content: GROUP };
}

/** More packages, without the files that the layer below has from its own: `below` is the folder of those. */
export function packageLayer(folder: string, below: string): Layer {
  return folderLayer(folder, (path) => isDocumentation(path) || isLeaf(join(below, path)));
}

/** Something that no layer above needs to repeat. The links of the merged /usr are among them. */
function isLeaf(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false;
}

function isDocumentation(path: string): boolean {
  return ["/usr/share/doc", "/usr/share/man", "/usr/share/locale", "/usr/share/lintian"].includes(path);
}

export const PASSWD = [
  "root:x:0:0:root:/root:/bin/sh",
  "www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin",
  "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
  "",
].join("\n");

export const GROUP = ["root:x:0:", "www-data:x:33:", "nogroup:x:65534:", ""].join("\n");
