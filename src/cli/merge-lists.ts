import type { MergeLists } from "../record/merge-queue.ts";
import { runHelper } from "../sys/helper.ts";
import { selfCommand } from "../sys/self-command.ts";
import { ExitCode } from "./command.ts";

/**
 * Merges lists by `optimizer merge` in a process of its own: a million paths take seconds and memory, and the plugin's
 * answers must never be late.
 */
export const mergeLists: MergeLists = (inputs, output, signal) =>
  runHelper([...selfCommand(), "merge", ...inputs, "-o", output], signal, [
    ExitCode.done,
    ExitCode.incomplete, // written, and one of the runs may have holes
  ]);
