import type { ListFormat } from "./format.ts";
import { isUtf8, jsonString } from "./utf8.ts";

/**
 * The value of the annotation `containerd.io/nydus-prefetch` of a pod. It names the list, in the format `nydus`, that
 * lies on the node, and not the files.
 */
export const nydusAnnotation: ListFormat = {
  description: "pod annotation containerd.io/nydus-prefetch",
  *entries(files, { image, nodePath }) {
    if (nodePath === undefined) throw new Error("say where the list lies on the nodes: --node-path FILE");
    if (!nodePath.startsWith("/") || !isUtf8(nodePath)) {
      throw new Error("the path of the list on the nodes must be absolute and UTF-8: --node-path /FILE");
    }
    if (image.reference === undefined) {
      throw new Error("the list does not say which image it is of: --image REF, the one that the pods run");
    }
    if (files.length > 0) {
      yield `[{"image":${jsonString(image.reference)},"prefetch":${jsonString(nodePath)}}]\n`;
    }
  },
};
