import { constants } from "node:fs";

/** Flags of open(2) that node has no names for. These two bits are the same on every processor that Bun runs on. */

/** Opens nothing: a descriptor that stands for the file, to be asked what it is or opened in earnest. */
export const O_PATH = 0o10000000;

/** In a folder, a file that has no name. */
export const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
