import { printDaily } from "./bench/daily.ts";
import { printLists } from "./bench/lists.ts";
import { describeMachine } from "./bench/machine.ts";
import { printOneTime } from "./bench/one-time.ts";
import { printRepeated } from "./bench/repeated.ts";
import { printScale } from "./bench/scale.ts";
import { prepare, type Setup } from "./bench/setup.ts";
import { printStarts } from "./bench/starts.ts";

/**
 * What tracing costs: no tracer, this program, the least that a recorder in C needs, strace and fatrace, in turns and
 * as medians, with the goals beside them; and what work on long lists takes. Judges nothing. Needs root. `make bench SECTIONS=starts,scale ROUNDS=3`.
 */

const sections: Readonly<Record<string, (setup: Setup) => Promise<void>>> = {
  "one-time": printOneTime,
  repeated: printRepeated,
  starts: printStarts,
  daily: printDaily,
  scale: printScale,
  lists: printLists,
};

const chosen = process.env["SECTIONS"]?.split(",") ?? Object.keys(sections);
const unknown = chosen.filter((name) => !(name in sections));
if (unknown.length > 0) throw new Error(`Unknown section ${unknown}: known are ${Object.keys(sections)}`);

console.log(describeMachine());
const setup = await prepare(Number(process.env["ROUNDS"] ?? 7));
for (const name of chosen) await sections[name]?.(setup);
process.exit();
