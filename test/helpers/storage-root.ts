import { closeSync, constants, mkdirSync, openSync, symlinkSync, writeFileSync } from "node:fs";
import type { HeldContainerOptions, Layer } from "./held-container.ts";
import { writeLayer } from "./held-container.ts";

/** How containers/storage names layers in the options of a mount: the shorter, the more of them there are. */
export const storageForms = ["absolute", "relative", "descriptors"] as const;
export type StorageForm = (typeof storageForms)[number];

/** A container's root as containers/storage (of CRI-O and Podman) makes it. */
export interface StorageRoot extends Disposable {
  /** To be given to heldContainer(), before this is disposed of. */
  readonly options: HeldContainerOptions;
  /** Where the container's own folder lies, with `diff`, `lower` and `merged`. */
  readonly own: string;
  /** The symbolic links of the layers, the bottom first. */
  readonly links: readonly string[];
}

/** Lays out layers, the bottom first, and a container's folder below `home`, which must not be there. */
export function storageRoot(
  home: string,
  layers: readonly Exclude<Layer, string>[],
  form: StorageForm,
): StorageRoot {
  mkdirSync(`${home}/l`, { recursive: true });
  const shorts = layers.map((layer, index) => {
    const short = `LAYER${index}`.padEnd(26, "Z");
    mkdirSync(`${home}/${index}/diff`, { recursive: true });
    writeLayer(`${home}/${index}/diff`, layer);
    symlinkSync(`../${index}/diff`, `${home}/l/${short}`);
    return `l/${short}`;
  });
  const own = `${home}/container`;
  for (const name of ["diff", "work", "merged"]) mkdirSync(`${own}/${name}`, { recursive: true });
  const topmostFirst = shorts.toReversed();
  writeFileSync(`${own}/lower`, topmostFirst.join(":"));
  const links = topmostFirst.map((short) => `${home}/${short}`);
  const fds = form !== "descriptors" ? [] : links.map((link) => openSync(link, constants.O_RDONLY));
  const [lower, base, cwd] = {
    absolute: [links, home, "/"] as const,
    relative: [topmostFirst, ".", home] as const,
    descriptors: [fds, home, `/proc/${process.pid}/fd`] as const,
  }[form];
  const mountOptions = [
    `lowerdir=${lower.join(":")}`,
    `upperdir=${base}/container/diff`,
    `workdir=${base}/container/work`,
  ];
  return {
    options: {
      root: { kind: "mount", fsType: "overlay", options: mountOptions },
      cwd,
      mountPoint: `${own}/merged`,
      visible: true,
    },
    own,
    links: links.toReversed(),
    [Symbol.dispose]() {
      for (const fd of fds.splice(0)) closeSync(fd);
    },
  };
}
