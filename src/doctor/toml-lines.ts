/** Where something stands in a TOML text; lines begin at 1. */
export interface KeyPlace {
  /** The line of the section's header, if it has one of its own. */
  readonly header: number | undefined;
  /** The line of the key, if it is there. */
  readonly line: number | undefined;
}

/**
 * Finds a key of a section by the look of the lines, in the form that people and `containerd config
 * default` write. What it finds is a guess (inline tables, texts of several lines): an edit that is built
 * on it has to be tried before it is proposed. An empty section is the top of the file.
 */
export function findKey(text: string, section: readonly string[], key: string): KeyPlace {
  let inside = section.length === 0;
  let header: number | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const names = parseHeader(line);
    if (names !== undefined) {
      inside = names.length === section.length && names.every((name, at) => name === section[at]);
      if (inside) header = index + 1;
    } else if (inside) {
      const [, plain, quoted] = /^\s*(?:([A-Za-z0-9_-]+)|["']([^"']+)["'])\s*=/.exec(line) ?? [];
      if ((plain ?? quoted) === key) return { header, line: index + 1 };
    }
  }
  return { header, line: undefined };
}

/** `[plugins."io.containerd.nri.v1.nri"]` as its names. */
function parseHeader(line: string): string[] | undefined {
  const [, inner] = /^\s*\[([^[\]]+)\]\s*(?:#.*)?$/.exec(line) ?? [];
  if (inner === undefined) return undefined;
  return [...inner.matchAll(/"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? "",
  );
}
