/** A small change of a text file. Line numbers begin at 1. */
export type Edit =
  /** In one line, the first `from` becomes `to`. */
  | { readonly kind: "substitute"; readonly line: number; readonly from: string; readonly to: string }
  | { readonly kind: "comment"; readonly first: number; readonly last: number }
  | { readonly kind: "insert"; readonly after: number; readonly text: string }
  | { readonly kind: "append"; readonly lines: readonly string[] };

/** The text after the change. */
export function applyEdit(text: string, edit: Edit): string {
  const lines = text.split("\n");
  switch (edit.kind) {
    case "substitute":
      return lines
        .map((line, index) => (index + 1 === edit.line ? line.replace(edit.from, () => edit.to) : line))
        .join("\n");
    case "comment":
      return lines
        .map((line, index) => (index + 1 >= edit.first && index + 1 <= edit.last ? `# ${line}` : line))
        .join("\n");
    case "insert":
      return lines.toSpliced(edit.after, 0, edit.text).join("\n");
    case "append":
      return `${text}${edit.lines.join("\n")}\n`;
  }
}

/** The command that does it. GNU sed and a POSIX shell. */
export function editCommand(path: string, edit: Edit): string {
  switch (edit.kind) {
    case "substitute":
      return sed(path, `${edit.line}s/${sedPattern(edit.from)}/${sedReplacement(edit.to)}/`);
    case "comment": {
      const lines = edit.first === edit.last ? `${edit.first}` : `${edit.first},${edit.last}`;
      return sed(path, `${lines}s/^/# /`);
    }
    case "insert":
      return sed(path, `${edit.after}a\\${edit.text}`);
    case "append":
      return `printf '%s\\n' ${edit.lines.map(quote).join(" ")} >>${quote(path)}`;
  }
}

/** The command that makes a file with these lines, and its folder. Where there is one after all, it is not overwritten. */
export function createCommand(path: string, lines: readonly string[]): string[] {
  return [
    `mkdir -p ${quote(path.slice(0, path.lastIndexOf("/")) || "/")}`,
    `printf '%s\\n' ${lines.map(quote).join(" ")} >>${quote(path)}`,
  ];
}

function sed(path: string, script: string): string {
  // A link stays a link, and the file behind it is edited.
  return `sed -i --follow-symlinks '${script.replaceAll("'", `'\\''`)}' ${quote(path)}`;
}

function sedPattern(text: string): string {
  return text.replace(/[\\/.*[\]^$]/g, "\\$&");
}

function sedReplacement(text: string): string {
  return text.replace(/[\\/&]/g, "\\$&");
}

/** One word of a shell. */
export function quote(word: string): string {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
