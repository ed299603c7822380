import { exportList } from "../../src/formats/export.ts";
import type { ListContext, ListFormat } from "../../src/formats/format.ts";
import type { ListedFile } from "../../src/formats/listed-file.ts";

/** A list in a format, with all that the format may want to know. */
export function exported(
  format: ListFormat,
  files: readonly ListedFile[],
  context: Partial<ListContext> = {},
) {
  const leftOut: { path: string; why: string }[] = [];
  const known = { image: { reference: "docker.io/library/app:1", digest: "sha256:1234" }, nodePath: "/list" };
  const pieces = exportList(format, files, { ...known, ...context }, (path, why) =>
    leftOut.push({ path, why }),
  );
  return { text: [...pieces].join(""), leftOut };
}

/**
 * The paths that the text must hold: each listed one as often as it is listed, less the times that it was left out.
 * Throws when that is not once or never.
 */
export function meant(files: readonly ListedFile[], leftOut: readonly { path: string }[]): string[] {
  const times = new Map<string, number>();
  for (const { path } of files) times.set(path, (times.get(path) ?? 0) + 1);
  for (const { path } of leftOut) times.set(path, (times.get(path) ?? 0) - 1);
  for (const [path, count] of times) {
    if (count !== 0 && count !== 1) throw new Error(`${JSON.stringify(path)} is to be read ${count} times`);
  }
  return [...times].filter(([, count]) => count === 1).map(([path]) => path);
}
