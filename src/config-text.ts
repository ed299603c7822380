/**
 * `line 3: `, or nothing when the key is written in a way that is not easily found. Of a list over several lines the
 * line of `entry`.
 */
export function placeOf(key: string, text: string, entry?: string): string {
  const lines = text.split("\n");
  const index = lines.findIndex((line) => {
    const start = line.trimStart();
    const bare = [key, `"${key}"`, `'${key}'`].find((form) => start.startsWith(form));
    return start.startsWith(`[${key}`) || (bare !== undefined && /^\s*[.=]/.test(start.slice(bare.length)));
  });
  if (index < 0) return "";
  const forms = entry === undefined ? [] : [JSON.stringify(entry), `'${entry}'`];
  const below = lines.slice(index).findIndex((line) => forms.some((form) => line.includes(form)));
  return `line ${index + Math.max(below, 0) + 1}: `;
}

/** The parser's message has several lines: a picture of the place follows the first. */
export function syntaxProblem(error: unknown): string {
  const message = error instanceof Error ? error.message.split("\n")[0] : String(error);
  const line =
    error instanceof Error && "line" in error && typeof error.line === "number" ? error.line + 1 : undefined;
  const place = line === undefined ? "" : `line ${line}: `;
  return `${place}not TOML: ${message?.replace(/ at row \d+, col \d+, pos \d+:?$/, "")}`;
}
