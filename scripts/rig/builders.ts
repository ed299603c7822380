import { join } from "node:path";
import { run } from "./command.ts";
import type { Containerd } from "./containerd.ts";
import type { BuilderPackages } from "./packages.ts";

/** What `convertToEstargz` works on. Both names are those of images in containerd; `from` must be there. */
export interface EstargzOptions {
  readonly containerd: Containerd;
  readonly builders: BuilderPackages;
  readonly from: string;
  readonly to: string;
  /** A file of JSON lines that tells which files come first. */
  readonly recordIn: string;
}

/** Makes an eStargz image of another one, in its containerd. Returns the digest of the new manifest. */
export async function convertToEstargz(options: EstargzOptions): Promise<string> {
  const { containerd, builders, from, to, recordIn } = options;
  const digest = await run([
    join(builders.stargz.folder, "usr/bin/ctr-remote"),
    ...["--address", containerd.paths.socket, "--namespace", "k8s.io"],
    ...["images", "convert", "--oci", "--estargz", "--estargz-record-in", recordIn],
    // Nobody keeps the image: the fastest level saves seconds.
    ...["--estargz-compression-level", "1", from, to],
  ]);
  return digest.trim();
}

/** Makes a squashfs of a folder at the path `target`; `args` are options of mksquashfs. */
export async function makeSquashfs(
  { squashfs: { folder } }: BuilderPackages,
  source: string,
  target: string,
  args: readonly string[],
): Promise<void> {
  await run([
    // With its own libraries, and through its own loader.
    join(folder, "lib64/ld-linux-x86-64.so.2"),
    ...["--library-path", join(folder, "usr/lib/x86_64-linux-gnu")],
    ...[join(folder, "usr/bin/mksquashfs"), source, target, "-no-progress", ...args],
  ]);
}

/**
 * The names of the entries of each layer of an image in containerd, lowest layer first, in the order in which they lie
 * there. Folders end in a slash. `manifest` is its digest.
 */
export async function layerEntries(containerd: Containerd, manifest: string): Promise<string[][]> {
  const { layers } = JSON.parse(await containerd.ctr("content", "get", manifest)) as {
    readonly layers: readonly { readonly digest: string }[];
  };
  return Promise.all(
    layers.map(async ({ digest }) => {
      const blob = containerd.blobPath(digest);
      const names = await run(["tar", "--list", "--quoting-style=literal", "--file", blob]);
      return names.trimEnd().split("\n");
    }),
  );
}
