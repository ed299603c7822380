import type { ArgsDef } from "citty";

/** What a command's help is made of. */
export interface HelpOptions {
  readonly name: string;
  readonly description: string;
  readonly args: ArgsDef;
  /** What can stand behind the command's name, one way a line. */
  readonly usage: readonly string[];
  /** Lines to type, and what each does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
}

const COLUMNS = 80;
const GAP = 2;

/** The text for `--help`, at most 80 columns wide. */
export function formatHelp({ name, description, args, usage, examples }: HelpOptions): string {
  const flags = Object.entries(args).flatMap(([flag, definition]) => {
    if (definition.type === "positional") return [];
    const hint = "valueHint" in definition && definition.valueHint ? ` ${definition.valueHint}` : "";
    const letter = "alias" in definition && definition.alias ? `-${definition.alias}, ` : "";
    return [[`${letter}--${flag}${hint}`, definition.description ?? ""] as const];
  });
  const parts = [
    `optimizer ${name}: ${description}`,
    usage
      .map((way, index) => `${index === 0 ? "Usage:" : "      "} optimizer ${name} ${way}`.trimEnd())
      .join("\n"),
    columns([...flags, ["--help", "This text"]]),
    ...(examples.length === 0 ? [] : [`Examples:\n${examples.map(formatExample).join("\n")}`]),
  ];
  return `${parts.join("\n\n")}\n`;
}

/** Two columns; the right one is broken where it would be too wide. */
export function columns(rows: readonly (readonly [left: string, right: string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  const indent = GAP + width + GAP;
  return rows
    .map(([left, right]) => {
      const lines = wrap(right, COLUMNS - indent);
      return `${" ".repeat(GAP)}${left.padEnd(width)}${" ".repeat(GAP)}${lines.join(`\n${" ".repeat(indent)}`)}`;
    })
    .join("\n");
}

function formatExample([line, what]: readonly [string, string]): string {
  return `  # ${what}\n  ${line}`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
