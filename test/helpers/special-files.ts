import { execFileSync } from "node:child_process";

/** Makes a null device that tests may damage. Needs root. */
export function makeNullDevice(path: string): void {
  execFileSync("mknod", [path, "c", "1", "3"]);
}

/** Makes a FIFO. */
export function makeFifo(path: string): void {
  execFileSync("mkfifo", [path]);
}
