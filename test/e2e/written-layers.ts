import type { Layer, LayerEntry } from "../../scripts/rig/layers.ts";
import type { Packages } from "../../scripts/rig/packages.ts";
import { shellLayer } from "./shell-layer.ts";

/** Opens every regular file below /t in the order of their bytes. */
export const OPEN_ALL = 'find /t -type f | sort | while IFS= read -r f; do : < "$f"; done';

/** Layers that do to each other, below /t, what layers can; with a shell. */
export function writtenLayers(packages: Packages): readonly Layer[] {
  return [
    [
      ...shellLayer(packages),
      ...["kept", "replaced", "removed", "readded", "file-to-folder", "both-ways/x"].map((name) =>
        file(`/t/${name}`),
      ),
      ...["hidden/old", "hidden/back", "hidden/deep/old", "folder-to-file/x", "folder-to-file/y/z"].map(
        (name) => file(`/t/${name}`),
      ),
      ...["links/one", "links/two", "target/x", "target/y", "tree/a/x", "tree/b/x", "unlinked/x"].map(
        (name) => file(`/t/${name}`),
      ),
      file("/t/raw/\xff\xfe"),
      file("/t/raw/\xe9/x"),
      file("/t/raw/gone\xff"),
      { kind: "symlink", path: "/t/link", target: "target" },
      { kind: "symlink", path: "/t/link-to-folder", target: "/t/target" },
    ],
    [
      file("/t/replaced", "1"),
      { kind: "whiteout", path: "/t/removed" },
      { kind: "whiteout", path: "/t/readded" },
      { kind: "whiteout", path: "/t/tree/a" },
      { kind: "whiteout", path: Buffer.from("/t/raw/gone\xff", "latin1") },
    ],
    [{ kind: "opaque", path: "/t/hidden" }, file("/t/hidden/new"), file("/t/hidden/deep/new")],
    [
      file("/t/readded", "3"),
      file("/t/folder-to-file", "3"),
      file("/t/file-to-folder/x"),
      file("/t/tree/a/y"),
    ],
    [
      file("/t/hidden/back", "4"),
      file("/t/links/two", "4"),
      { kind: "hardlink", path: "/t/links/three", target: "/t/links/two" },
      { kind: "hardlink", path: "/t/elsewhere/four", target: "/t/links/two" },
    ],
    [file("/t/both-ways", "5"), file("/t/raw/\xff\xfe", "5")],
    [file("/t/both-ways/y", "6"), { kind: "whiteout", path: "/t/links/three" }],
    [{ kind: "folder", path: "/t/link-to-folder" }, file("/t/link-to-folder/x", "7")],
    [
      { kind: "symlink", path: "/t/unlinked", target: "target" },
      { kind: "opaque", path: "/t/tree" },
      file("/t/folder-to-file/again"),
    ],
    [
      file("/t/replaced", "9"),
      file("/t/removed", "9"),
      file("/t/tree/b/y", "9"),
      file("/t/unlinked-too", "9"),
    ],
  ];
}

function file(path: string, content = ""): LayerEntry {
  return { kind: "file", path: Buffer.from(path, "latin1"), content };
}
