import type { Config } from "../config.ts";
import { matchesGlob } from "../glob.ts";
import { formatReference, parseReference } from "../image/reference.ts";
import { formatPattern, type Pattern, patternKinds } from "../pattern.ts";
import type { ContainerInfo } from "./container.ts";

/** Which containers are traced. */
export type Selection = Pick<Config, "include" | "exclude">;

/**
 * Whether a container is to be traced: of each kind that `include` names one pattern at least matches, and none of
 * `exclude` does.
 */
export function isSelected(container: ContainerInfo, { include, exclude }: Selection): boolean {
  const matches = (pattern: Pattern): boolean => matchesPattern(pattern, container);
  const isIncluded = patternKinds.every((kind) => {
    const patterns = include.filter((pattern) => pattern.kind === kind);
    return patterns.length === 0 || patterns.some(matches);
  });
  return isIncluded && !exclude.some(matches);
}

/** For the log: `traced are containers of image=nginx:*, and not of label=trace=no`; undefined when all are. */
export function describeSelection({ include, exclude }: Selection): string | undefined {
  if (include.length === 0 && exclude.length === 0) return undefined;
  const kinds = patternKinds.map((kind) => include.filter((pattern) => pattern.kind === kind));
  const included = kinds
    .filter((patterns) => patterns.length > 0)
    .map((patterns) => patterns.map(formatPattern).join(" or "));
  const of = included.length === 0 ? "all containers" : `containers with ${included.join(" and ")}`;
  const not = exclude.length === 0 ? "" : `, without ${exclude.map(formatPattern).join(" or ")}`;
  return `traced are ${of}${not}`;
}

function matchesPattern({ kind, glob }: Pattern, container: ContainerInfo): boolean {
  switch (kind) {
    case "image":
      return imageNames(container.imageReference).some((name) => matchesGlob(glob, name));
    case "namespace":
      return matchesGlob(glob, container.pod.namespace);
    case "pod":
      return matchesGlob(glob, container.pod.name);
    case "container":
      return matchesGlob(glob, container.name);
    case "label":
      return hasLabel(container.labels, glob) || hasLabel(container.pod.labels, glob);
  }
}

/** As users write it, and as the runtime told it. */
function imageNames(reference: string): string[] {
  const image = parseReference(reference);
  return image === undefined ? [reference] : [formatReference(image), reference];
}

/** Without an equals sign a pattern is about the key, and any value will do. */
function hasLabel(labels: Readonly<Record<string, string>>, glob: string): boolean {
  const withValue = glob.includes("=");
  return Object.entries(labels).some(([key, value]) =>
    matchesGlob(glob, withValue ? `${key}=${value}` : key),
  );
}
