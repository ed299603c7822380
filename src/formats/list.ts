/**
 * The list: one absolute path a line, raw bytes, in order of first access (what
 * `nydusify convert --prefetch-patterns` reads).
 * Returns undefined for a path that cannot stand on a line of its own. Paths are latin1.
 */
export function listLine(path: string): string | undefined {
  return path.includes("\n") ? undefined : `${path}\n`;
}
