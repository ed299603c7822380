import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { formatProvenance, type Provenance } from "../../src/formats/provenance.ts";
import type { TemporaryFolder } from "../helpers/temporary-folder.ts";

/** The record of a list of nginx that is complete. */
export const provenance: Provenance = {
  image: {
    reference: "docker.io/library/nginx:latest",
    name: "nginx:latest",
    digest: `sha256:${"ab".repeat(32)}`,
  },
  container: { id: "3f2a".repeat(16), name: "web", pod: { name: "web-0", namespace: "default", uid: "u" } },
  runtime: { name: "containerd", version: "2.1.9" },
  kernel: "6.18.44",
  optimizer: "0.1.0",
  recorder: "0badcafe",
  startedAt: new Date("2026-11-24T04:00:00Z"),
  end: { at: new Date("2026-11-24T04:00:12.345Z"), reason: "container stopped" },
  trouble: [],
  filter: { kind: "image-files" },
  counts: {
    listed: 3,
    listedBytes: 3_000_000,
    unlistable: 0,
    runtime: 14,
    deleted: 1,
    notRegular: 2,
    events: 30,
    overflows: 0,
    lost: 0,
  },
  queuePeak: 12,
  layerCount: 2,
  layers: [1, 0, 0],
};

/** Writes files as they lie in persist_dir; names and texts are latin1. */
export function writeFiles(folder: TemporaryFolder, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = Buffer.from(folder.at(name), "latin1");
    mkdirSync(dirname(folder.at(name)), { recursive: true });
    writeFileSync(path, text, "latin1");
  }
}

/** The three files of a result of three files. */
export function resultFiles(name: string, more: Partial<Provenance> = {}): Record<string, string> {
  return {
    [name]: "/bin/sh\n/lib/libc.so.6\n/etc/passwd\n",
    [`${name}.csv`]:
      "path,size,elapsed\n/bin/sh,1000000,10\n/lib/libc.so.6,1999000,1500\n/etc/passwd,1000,2500000\n",
    [`${name}.json`]: formatProvenance({ ...provenance, ...more }),
  };
}
