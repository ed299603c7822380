import type { Facts, PluginProcess } from "./facts.ts";
import { type Finding, good, type Mend, warning, wrong } from "./finding.ts";

const CHECK = "running";

/** Findings about a plugin that runs: what it says of itself. `how` tells who started it. */
export function checkPluginProcess(
  { pid: its, answer }: PluginProcess,
  how: string,
  { runDir }: Pick<Facts, "runDir">,
): Finding[] {
  const pid = its > 0 ? `${its}` : "(in another pid namespace)";
  switch (answer?.kind) {
    case undefined:
    case "gone":
      return [
        warning(CHECK, `pid ${pid}, ${how}; whether it is connected cannot be told: no socket in ${runDir}`, {
          advice: "its log says why; a plugin of an older version has none",
        }),
      ];
    case "silent":
      return [wrong(CHECK, `pid ${pid}, ${how}, does not answer: it is stopped, or hangs`, restartOf(its))];
    case "strange":
      return [wrong(CHECK, `pid ${pid}, ${how}, cannot be asked: ${answer.why}`)];
    case "answered": {
      const { problems, runtime } = answer.status;
      if (problems.length === 0) {
        return [good(CHECK, `pid ${pid}, ${how}, connected to ${runtime.name} ${runtime.version}`)];
      }
      return problems.map(({ text, cure }) =>
        wrong(CHECK, `pid ${pid}, ${how}: ${text}`, cure === undefined ? undefined : { advice: cure }),
      );
    }
  }
}

function restartOf(pid: number): Mend {
  if (pid === 0) return { advice: "start its pod anew" };
  return { advice: `kill -CONT ${pid}, if somebody has stopped it; else start it anew` };
}
