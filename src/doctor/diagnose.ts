import { checkHost } from "./check-host.ts";
import { checkConfig, checkPersistDir } from "./check-results.ts";
import { checkExternals, checkRuntime } from "./check-runtime.ts";
import { checkService } from "./check-service.ts";
import type { Facts } from "./facts.ts";
import { type Finding, warning } from "./finding.ts";

/** All findings about a host, in an order in which they can be mended. Pure. */
export function diagnose(facts: Facts): Finding[] {
  const runtimes = facts.runtimes.map((report) => checkRuntime(report, facts));
  // A restart comes last: it has to see what was mended before.
  const isLast = ({ check }: Finding): boolean => check === "running";
  const restarts = runtimes.flatMap((findings) => findings.filter(isLast));
  return [
    ...checkHost(facts.host),
    ...noRuntime(facts),
    ...runtimes.flatMap((findings) => findings.filter((each) => !isLast(each))),
    ...checkService(facts),
    ...checkConfig(facts),
    ...checkPersistDir(facts),
    ...(facts.runDirProblem === undefined ? [] : [warning("status", facts.runDirProblem)]),
    ...(facts.runtimes.length === 0 ? checkExternals(facts) : []),
    ...restarts,
  ];
}

function noRuntime({ runtimes, docker, host }: Facts): Finding[] {
  if (runtimes.length > 0) return [];
  if (docker) {
    return [
      warning("runtime", "only Docker's own containerd, whose containers raise no NRI events; trace works"),
    ];
  }
  if (host.pidNamespace === "own") {
    return [
      warning("runtime", "no containerd or CRI-O among the processes of this pid namespace", {
        advice: "hostPID: true in Kubernetes, --pid=host in Docker",
      }),
    ];
  }
  return [warning("runtime", "no containerd or CRI-O found; optimizer trace works without")];
}
