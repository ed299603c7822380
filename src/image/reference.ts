/** A container image reference, taken apart as containerd's and Docker's clients do. */
export interface ImageReference {
  /** The name as users write it: no `docker.io`, no `library/`, but where the rest would name something else. */
  readonly familiarName: string;
  /** `latest` when the reference has neither tag nor digest. */
  readonly tag: string | undefined;
  /** `sha256:…` */
  readonly digest: string | undefined;
}

const DEFAULT_DOMAIN = "docker.io";
const OFFICIAL_PREFIX = "library/";
const REFERENCE_CHARS_MAX = 4096;
/** As registries and runtimes have it. A name of a thousand slashes would be a thousand folders. */
const NAME_CHARS_MAX = 255;

/* The grammar of image references, as the distribution specification and its users have it. */
const domainPattern =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestPattern = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const bareIdPattern = /^(?:sha256:)?[0-9a-f]{64}$/;

/**
 * Parses a reference. Returns undefined for what names no image: the empty string, an image id,
 * text outside the grammar. Never throws: the text comes from annotations that anybody may set.
 */
export function parseReference(text: string): ImageReference | undefined {
  if (text.length > REFERENCE_CHARS_MAX || bareIdPattern.test(text)) return undefined;
  const [beforeDigest, digest, more] = text.split("@", 3);
  if (beforeDigest === undefined || more !== undefined) return undefined;
  if (digest !== undefined && !digestPattern.test(digest)) return undefined;
  const { name, tag } = splitTag(beforeDigest);
  if (tag !== undefined && !tagPattern.test(tag)) return undefined;
  const familiarName = familiar(name);
  if (familiarName === undefined || familiarName.length > NAME_CHARS_MAX) return undefined;
  // An image named sha256, with a tag of 64 digits, would be taken for an id by its short name.
  const looksLikeId = bareIdPattern.test(`${familiarName}:${tag}`);
  return {
    familiarName: looksLikeId ? OFFICIAL_PREFIX + familiarName : familiarName,
    tag: tag ?? (digest === undefined ? "latest" : undefined),
    digest,
  };
}

/** The reference as users write it: with its tag if there is one, else with its digest. */
export function formatReference({ familiarName, tag, digest }: ImageReference): string {
  return tag !== undefined ? `${familiarName}:${tag}` : `${familiarName}@${digest}`;
}

/** A colon behind the last slash begins a tag; one before it belongs to a port. */
function splitTag(text: string): { name: string; tag: string | undefined } {
  const colon = text.lastIndexOf(":");
  if (colon <= text.lastIndexOf("/")) return { name: text, tag: undefined };
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

/** The first component of several, which clients take for a registry when it looks like one; else "". */
function registryOf(name: string): string {
  const first = name.slice(0, Math.max(0, name.indexOf("/")));
  return /[.:A-Z]/.test(first) || first === "localhost" ? first : "";
}

function familiar(name: string): string | undefined {
  const registry = registryOf(name);
  const domain = registry || DEFAULT_DOMAIN;
  const path = registry ? name.slice(registry.length + 1) : name;
  if (!domainPattern.test(domain) || !pathPattern.test(path)) return undefined;
  if (domain !== DEFAULT_DOMAIN && domain !== `index.${DEFAULT_DOMAIN}`) return `${domain}/${path}`;
  const isOfficial = path.startsWith(OFFICIAL_PREFIX) && !path.includes("/", OFFICIAL_PREFIX.length);
  if (isOfficial) return path.slice(OFFICIAL_PREFIX.length);
  // Without its registry `docker.io/quay.io/app` would be another image.
  return registryOf(path) ? `${DEFAULT_DOMAIN}/${path}` : path;
}
