import type { ListedFile } from "../../src/formats/listed-file.ts";
import type { Origin, Run } from "../../src/lists/run.ts";

/** Of a recording that went well. */
export const origin: Origin = {
  reference: "docker.io/library/app:1",
  name: "app:1",
  digest: `sha256:${"a".repeat(64)}`,
  layerCount: 3,
  startedAt: new Date("2026-11-01T00:00:00Z"),
  endedAt: new Date("2026-11-01T00:00:05Z"),
  complete: true,
  trouble: [],
  counts: { events: 10 },
};

/** A run that opened these paths one millisecond after the other, each of a size that follows from its name. */
export function run(paths: readonly string[], over: Partial<Origin> = {}): Run {
  return { files: paths.map(file), origin: { ...origin, ...over } };
}

function file(path: string, place: number): ListedFile {
  return { path, sizeBytes: path.length * 100, elapsedUs: 1000 * (place + 1), layer: path.length % 3 };
}

export function pathsOf({ files }: Run): string[] {
  return files.map(({ path }) => path);
}

/** In another order. */
export function shuffled<T>(things: readonly T[], random: () => number): T[] {
  return things
    .map((thing) => [random(), thing] as const)
    .sort(([a], [b]) => a - b)
    .map(([, thing]) => thing);
}
