import { notUtf8, perFile } from "./per-file.ts";
import { jsonString } from "./utf8.ts";

/**
 * A JSON object a line, the path without its leading slash. One of the readers takes digest and layer for granted, so
 * both are always there: an unknown digest is "", an unknown layer the context's or 0.
 */
export const estargz = perFile({
  description: "ctr-remote or nerdctl image convert --estargz-record-in",
  objections: [notUtf8],
  entry: ({ path, layer }, { image, layerIndex }) =>
    `{"path":${jsonString(path.slice(1))},"manifestDigest":${jsonString(image.digest ?? "")},` +
    `"layerIndex":${layer ?? layerIndex ?? 0}}\n`,
});
