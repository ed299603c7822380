import { fileURLToPath } from "node:url";

/** Whether this is the one executable, and not its source in a Bun. */
const isExecutable = Bun.main.startsWith("/$bunfs/");

/** The words that start this very program: the executable, or bun and the source. */
export function selfCommand(): string[] {
  return isExecutable ? [process.execPath] : [process.execPath, fileURLToPath(source("main"))];
}

/** The module of a thread that lies in src/ beside main.ts, and is an entry point of scripts/build.ts too. */
export function threadUrl(name: string): string {
  return isExecutable ? `/$bunfs/root/${name}` : source(name).href;
}

function source(name: string): URL {
  return new URL(`../${name}.ts`, import.meta.url);
}
