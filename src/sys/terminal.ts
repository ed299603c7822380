import { writeSync } from "node:fs";

/** Where text for people goes, and how wide that is. */
export interface Terminal {
  /** Columns; undefined when nobody looks: then nothing is cut, wrapped, escaped or coloured. */
  readonly width: number | undefined;
  readonly colours: boolean;
}

const WIDTH_DEFAULT = 80;
/** Narrower than this nothing can be told; then the terminal breaks the lines. */
const WIDTH_MIN = 40;

/** The terminal at stdout, if there is one. */
export function stdoutTerminal(env: Readonly<Record<string, string | undefined>> = process.env): Terminal {
  if (!process.stdout.isTTY) return { width: undefined, colours: false };
  const width = Math.max(process.stdout.columns || WIDTH_DEFAULT, WIDTH_MIN);
  return { width, colours: !env["NO_COLOR"] && env["TERM"] !== "dumb" };
}

const codes = { bold: 1, red: 31, green: 32, yellow: 33 } as const;

/** Text in a colour, where that is wanted. */
export function paint(text: string, colour: keyof typeof codes, { colours }: Terminal): string {
  return colours ? `\x1b[${codes[colour]}m${text}\x1b[0m` : text;
}

/**
 * Bytes (latin1, one character each) that somebody else chose, as they may be shown: on a terminal
 * as UTF-8, with everything that could steer it or hide something spelled out; else as they are.
 */
export function shown(bytes: string, { width }: Terminal): string {
  return width === undefined ? bytes : printable(bytes);
}

/** What steers a terminal or hides something: controls of both sets, marks of direction, line separators. */
export const STEERING = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/**
 * Bytes as text for people, wherever it goes: UTF-8 as it is, but for what steers a terminal or hides
 * something; what is no UTF-8 byte for byte.
 */
export function printable(bytes: string): string {
  const buffer = Buffer.from(bytes, "latin1");
  const text = buffer.toString("utf8");
  const isUtf8 = Buffer.from(text, "utf8").equals(buffer);
  return isUtf8
    ? text.replace(STEERING, escaped)
    : // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
      bytes.replace(/[\x00-\x1f\x7f-\xff]/g, escaped);
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/** Text of ours and what shown() gave, as the bytes for stdout. */
export function encode(text: string, { width }: Terminal): Buffer {
  return Buffer.from(text, width === undefined ? "latin1" : "utf8");
}

/** Writes text for people to stdout. */
export function print(text: string, terminal: Terminal): void {
  writeAll(encode(text, terminal));
}

/** Writes a value for programs to stdout. */
export function printJson(value: unknown): void {
  writeAll(Buffer.from(`${JSON.stringify(value, null, 2)}\n`));
}

/**
 * Writes bytes to stdout, or another descriptor, all of them before it returns: the process may exit then. A reader that has
 * gone (`| head`) has seen enough. (`Bun.write(Bun.stdout)` writes to a file from its beginning, over
 * what a command has printed.)
 */
export function writeAll(bytes: Uint8Array, fd = 1): void {
  for (let offset = 0; offset < bytes.byteLength; ) {
    try {
      offset += writeSync(fd, bytes, offset);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error; // a pipe that somebody made non-blocking, and is full
      Bun.sleepSync(1);
    }
  }
}

/** Cuts the middle out of a text that is too wide. */
export function cutMiddle(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  const characters = [...text];
  const left = Math.floor((width - 1) / 2);
  const head = fitting(characters, left);
  const tail = fitting(characters.toReversed(), width - 1 - left).toReversed();
  return `${head.join("")}…${tail.join("")}`;
}

/** As many of the first characters as fit. */
function fitting(characters: readonly string[], width: number): string[] {
  let used = 0;
  const end = characters.findIndex((character) => {
    used += Bun.stringWidth(character);
    return used > width;
  });
  return characters.slice(0, end < 0 ? undefined : end);
}

/** Breaks a text at blanks; a word that is too long stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
