import { csv } from "./csv-table.ts";
import { estargz } from "./estargz.ts";
import { estargzList } from "./estargz-list.ts";
import type { ListFormat } from "./format.ts";
import { json } from "./json.ts";
import { nul } from "./nul.ts";
import { nydus } from "./nydus.ts";
import { nydusAnnotation } from "./nydus-annotation.ts";
import { nydusJson } from "./nydus-json.ts";
import { overlaybd } from "./overlaybd.ts";
import { plainList } from "./plain-list.ts";
import { slim } from "./slim.ts";
import { soci } from "./soci.ts";
import { squashfs } from "./squashfs.ts";

export type ListFormatName =
  | "nydus"
  | "nydus-json"
  | "nydus-annotation"
  | "estargz"
  | "estargz-list"
  | "soci"
  | "overlaybd"
  | "slim"
  | "squashfs"
  | "list"
  | "nul"
  | "json"
  | "csv";

/** By the names that users give. */
export const listFormats: Readonly<Record<ListFormatName, ListFormat>> = {
  nydus,
  "nydus-json": nydusJson,
  "nydus-annotation": nydusAnnotation,
  estargz,
  "estargz-list": estargzList,
  soci,
  overlaybd,
  slim,
  squashfs,
  list: plainList,
  nul,
  json,
  csv,
};
