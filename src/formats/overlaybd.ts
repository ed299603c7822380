import { folderOf, foldersOf } from "./folders.ts";
import type { ListContext, ListFormat } from "./format.ts";
import type { ListedFile } from "./listed-file.ts";

/** With one byte more the whole list is refused. */
const LIST_BYTES_MAX = 65_536;

/** What a fetch costs before its first byte arrives, as the bytes that would have come in that time. */
const FETCH_BYTES = 128 * 1024;

/**
 * One path a line; a folder with a slash at its end stands for all files below it. Few names are taken and few bytes,
 * hence folders of which every file is listed are folded: where it saves a file whose name is refused, and everywhere
 * when the list is too large. A folder takes the place of its first file. If the list is too large even so, the lines
 * go that cost least to miss, for each byte of the line.
 */
export const overlaybd: ListFormat = {
  description: "ctr record-trace --priority_list",
  entries(files, { filesBelow }, leaveOut) {
    const refused = files.filter(({ path }) => !isNameable(path));
    let layout = layOut(files, new Set());
    if (filesBelow !== undefined && (refused.length > 0 || !fits(layout.lines))) {
      const full = fullFolders(files, filesBelow);
      if (refused.length > 0) layout = layOut(files, nearest(refused, full));
      if (!fits(layout.lines)) layout = layOut(files, full);
    }
    const { lines, lineOfFile } = layout;
    const kept = mostWorth(lines);
    for (const [index, { path }] of files.entries()) {
      const line = lineOfFile[index];
      if (line === undefined) leaveOut(path, "name of more than letters, digits and _ . -");
      else if (!kept.has(line)) leaveOut(path, `no room in ${LIST_BYTES_MAX} bytes`);
    }
    return lines.filter((line) => kept.has(line)).map(({ text }) => text);
  },
};

/** A file or a folder. */
interface Line {
  readonly text: string;
  /** What it costs to miss its files, in bytes. */
  worth: number;
}

function isNameable(path: string): boolean {
  return !/[^\w./-]/.test(path);
}

function fits(lines: readonly Line[]): boolean {
  return lines.reduce((sum, { text }) => sum + text.length, 0) <= LIST_BYTES_MAX;
}

/** The folders that may be folded: nameable, and every file below is listed. */
function fullFolders(
  files: readonly ListedFile[],
  filesBelow: NonNullable<ListContext["filesBelow"]>,
): ReadonlySet<string> {
  const full = new Set<string>();
  const listed = new Set(files.map(({ path }) => path));
  const lacking = new Set<string>();
  // The deepest first: a folder above one that lacks a file need not be searched.
  for (const folder of [...foldersOf(files)].sort((a, b) => b.length - a.length)) {
    const below = isNameable(folder) && !lacking.has(folder) ? filesBelow(folder) : undefined;
    if (below !== undefined && Iterator.from(below).every((path) => listed.has(path))) full.add(folder);
    else if (below !== undefined || lacking.has(folder)) lacking.add(folderOf(folder));
  }
  return full;
}

/** For each file the nearest of the folders above it. */
function nearest(files: readonly ListedFile[], folders: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { path } of files) {
    let folder = folderOf(path);
    while (folder !== "" && !folders.has(folder)) folder = folderOf(folder);
    if (folder !== "") found.add(folder);
  }
  return found;
}

/** The lines in the order of their first files, and for each file its line, undefined if there is none. */
function layOut(files: readonly ListedFile[], folded: ReadonlySet<string>) {
  const cover = outermost(folded);
  const lineOfFolder = new Map<string, Line>();
  const lines: Line[] = [];
  const lineOfFile = files.map(({ path, sizeBytes = 0 }) => {
    const folder = cover(path);
    let line = folder === undefined ? undefined : lineOfFolder.get(folder);
    if (line === undefined) {
      if (folder === undefined && !isNameable(path)) return undefined;
      line = { text: folder === undefined ? `${path}\n` : `${folder}/\n`, worth: 0 };
      lines.push(line);
      if (folder !== undefined) lineOfFolder.set(folder, line);
    }
    line.worth += FETCH_BYTES + sizeBytes;
    return line;
  });
  return { lines, lineOfFile };
}

/** Tells for a path the outermost of the folders above it. */
function outermost(folders: ReadonlySet<string>): (path: string) => string | undefined {
  if (folders.size === 0) return () => undefined;
  const known = new Map<string, string | undefined>([["", undefined]]);
  const cover = (folder: string): string | undefined => {
    if (known.has(folder)) return known.get(folder);
    const found = cover(folderOf(folder)) ?? (folders.has(folder) ? folder : undefined);
    known.set(folder, found);
    return found;
  };
  return (path) => cover(folderOf(path));
}

/** Those that fit, the most worth for their length first; of equals the earlier. */
function mostWorth(lines: readonly Line[]): ReadonlySet<Line> {
  const kept = new Set<Line>();
  let bytes = 0;
  for (const line of lines.toSorted((a, b) => b.worth / b.text.length - a.worth / a.text.length)) {
    if (bytes + line.text.length > LIST_BYTES_MAX) continue;
    kept.add(line);
    bytes += line.text.length;
  }
  return kept;
}
