import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Layer, writeLayer } from "./layers.ts";
import { TarWriter } from "./tar.ts";

/** How the image wants to be run. */
export interface ImageConfig {
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly env?: readonly string[];
  readonly workingDir?: string;
  readonly user?: string;
  readonly stopSignal?: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/**
 * The names that the image gets in containerd, each as it is: normalise it yourself ("docker.io/library/x:latest").
 * A function makes a name out of the manifest's digest: `(digest) => "docker.io/library/x@" + digest`.
 */
export type ImageName = string | ((digest: string) => string);

export interface ImageRecipe {
  readonly names: readonly ImageName[];
  /** Lowest first. */
  readonly layers: readonly Layer[];
  readonly config?: ImageConfig;
}

/** An image that lies in a tar in the OCI layout. */
export interface Image {
  readonly tar: string;
  readonly names: readonly string[];
  /** Digest of the manifest. */
  readonly digest: string;
  /** Digest of the config: what the CRI calls the image's id. */
  readonly id: string;
  /** The name of the unpacked layers in containerd's snapshotter. */
  readonly chainId: string;
  readonly config: ImageConfig;
}

interface Blob {
  readonly digest: string;
  readonly size: number;
  readonly content: Uint8Array | string;
}

/**
 * Builds an image into `folder` under the name `<digest>.tar`. Layers are stored as they are, not packed: nothing
 * travels far, and the digests are those of the content. Owner of the file is the caller.
 */
export async function buildImage(folder: string, recipe: ImageRecipe): Promise<Image> {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, "build-"));
  try {
    const layers = recipe.layers.map((layer, index) => packLayer(join(work, `${index}`), layer));
    const config = recipe.config ?? {};
    const configBlob = jsonBlob(encodeConfig(config, layers));
    const manifest = jsonBlob({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: describe("application/vnd.oci.image.config.v1+json", configBlob),
      layers: layers.map((layer) => describe("application/vnd.oci.image.layer.v1.tar", layer)),
    });
    const names = recipe.names.map((name) => (typeof name === "string" ? name : name(manifest.digest)));
    const index = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: names.map((name) => ({
        ...describe("application/vnd.oci.image.manifest.v1+json", manifest),
        annotations: { "io.containerd.image.name": name },
      })),
    };
    // Names do not enter the digest, so that they must enter the file's name.
    const tar = join(
      folder,
      `${new Bun.CryptoHasher("sha256").update(JSON.stringify(index)).digest("hex")}.tar`,
    );
    writeLayout(tar, index, [...layers, configBlob, manifest]);
    const chainId = toChainId(layers.map((layer) => layer.digest));
    return { tar, names, digest: manifest.digest, id: configBlob.digest, chainId, config };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function packLayer(path: string, layer: Layer): Blob {
  using tar = new TarWriter(path);
  writeLayer(tar, layer);
  return { ...tar.close(), content: path };
}

function jsonBlob(value: unknown): Blob {
  const content = Buffer.from(JSON.stringify(value));
  const digest = `sha256:${new Bun.CryptoHasher("sha256").update(content).digest("hex")}`;
  return { digest, size: content.byteLength, content };
}

function describe(mediaType: string, { digest, size }: Blob) {
  return { mediaType, digest, size };
}

function encodeConfig(config: ImageConfig, layers: readonly Blob[]): unknown {
  return {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: {
      Entrypoint: config.entrypoint,
      Cmd: config.cmd,
      Env: config.env,
      WorkingDir: config.workingDir,
      User: config.user,
      StopSignal: config.stopSignal,
      Labels: config.labels,
    },
    // A layer that is not packed has one digest for both uses.
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
  };
}

function writeLayout(path: string, index: unknown, blobs: readonly Blob[]): void {
  using tar = new TarWriter(path);
  const seen = new Set<string>();
  const file = (name: string) => ({ name: Buffer.from(name), type: "file", mode: 0o644 }) as const;
  tar.add(file("oci-layout"), Buffer.from(JSON.stringify({ imageLayoutVersion: "1.0.0" })));
  for (const { digest, size, content } of blobs) {
    if (seen.has(digest)) continue; // two equal layers
    seen.add(digest);
    const header = file(`blobs/${digest.replace(":", "/")}`);
    if (typeof content === "string") tar.addFrom(header, content, size);
    else tar.add(header, content);
  }
  tar.add(file("index.json"), Buffer.from(JSON.stringify(index)));
  tar.close();
}

/** The identity of a stack of layers, as the OCI image specification defines it. */
function toChainId(diffIds: readonly string[]): string {
  return diffIds.reduce(
    (chain, diffId) => `sha256:${new Bun.CryptoHasher("sha256").update(`${chain} ${diffId}`).digest("hex")}`,
  );
}
