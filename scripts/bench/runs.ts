import { watchWithPlugin } from "./plugin.ts";
import { Scratch } from "./scratch.ts";
import { storm } from "./storm.ts";

export { buildPrograms } from "./programs.ts";

/** For test/e2e/storm.test.ts as it is; it can call these itself. */
export async function pluginRun(options: {
  readonly scratch: string;
  readonly files: number;
  readonly threads: number;
  readonly passes: number;
  readonly layer: string;
}): Promise<{ listed: number; complete: boolean }> {
  const scratch = Scratch.in(options.scratch);
  const { found, record } = await watchWithPlugin(storm(scratch, options), scratch);
  return { listed: found.size, complete: record.complete };
}
