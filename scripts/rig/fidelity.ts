import type { Containerd } from "./containerd.ts";
import type { Host, ResultRecord } from "./host.ts";
import { straceOpens } from "./strace.ts";
import { waitFor } from "./wait.ts";
import { readiness, type Workload } from "./zoo.ts";

/** How far the order of a list may differ from the oracle's. */
export const TAU_MIN = { one: 0.999, several: 0.98 } as const satisfies Record<Workload["processes"], number>;

const TIMEOUT_MS = 120_000;

/** What the plugin made of one run of a workload. */
export interface RecordedRun {
  readonly list: readonly string[];
  readonly record: ResultRecord;
}

/**
 * Runs a workload once as a container, and returns what the plugin recorded. The image must have been imported, and the
 * plugin be one that overwrites. Rejects when the workload does not end with 0.
 */
export async function recordWorkload(host: Host, workload: Workload): Promise<RecordedRun> {
  const { containerd } = host;
  await using container = await containerd.runContainer({ image: workload.image.id, name: workload.name });
  const isReady = readiness(workload);
  if (isReady !== undefined) {
    await waitFor(() => isReady(`/proc/${container.pid}/root`), {
      what: `${workload.name} to be ready`,
      explain: () => containerd.logTail(),
    });
    await container.stop();
  }
  const { exitCode } = await container.waitExited(TIMEOUT_MS);
  if (exitCode !== 0) throw new Error(`The workload ${workload.name} ended with code ${exitCode}`);
  const name = resultName(workload);
  return { record: await host.ended(name, container.id), list: host.list(name) };
}

/** What strace sees the same workload open. */
export function observeWorkload(containerd: Containerd, workload: Workload): Promise<string[]> {
  const { image } = workload;
  const stopWhen = readiness(workload);
  return straceOpens({
    containerd,
    image,
    timeoutMs: TIMEOUT_MS,
    ...(stopWhen === undefined ? {} : { stopWhen }),
  });
}

function resultName({ image: { names } }: Workload): string {
  return (names[0] ?? "").replace("docker.io/library/", "");
}
