/** Whether a path can stand on a line of its own. */
export function isListable(path: string): boolean {
  return !path.includes("\n");
}

/**
 * A line of the list: one absolute path, raw bytes (latin1 here), in order of first access. It is
 * what `nydusify convert --prefetch-patterns` reads.
 */
export function listLine(path: string): string {
  return `${path}\n`;
}
