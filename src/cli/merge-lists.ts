import type { MergeLists } from "../record/merge-queue.ts";
import { runHelper } from "../sys/helper.ts";
import { selfCommand } from "../sys/self-command.ts";
import { ExitCode } from "./command.ts";

const IN_FOLDER = /^\/proc\/self\/fd\/(\d+)(?=\/)/;
/** The first descriptor behind the standard streams. */
const FIRST_FD = 3;

/**
 * Merges lists by `optimizer merge` in a process of its own: a million paths take seconds and memory, and the plugin's
 * answers must never be late. The process inherits the folders: by their names it might come into others. `program` are
 * the words that start this program.
 */
export function mergeListsBy(program: readonly string[]): MergeLists {
  return (inputs, output, signal) => {
    const folders = [...new Set([...inputs, output].flatMap((path) => IN_FOLDER.exec(path)?.[1] ?? []))];
    const inherited = (path: string): string =>
      path.replace(IN_FOLDER, (_, fd: string) => `/proc/self/fd/${FIRST_FD + folders.indexOf(fd)}`);
    const words = ["merge", "--refuse-links", ...inputs.map(inherited), "-o", inherited(output)];
    return runHelper([...program, ...words], signal, {
      good: [ExitCode.done, ExitCode.incomplete], // written, and one of the runs may have holes
      fds: folders.map(Number),
    });
  };
}

/** The same by this very program. */
export const mergeLists: MergeLists = (...job) => mergeListsBy(selfCommand())(...job);
