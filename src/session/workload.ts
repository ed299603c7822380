/** What tells the workload of a pod: nothing but what the pod itself carries. */
export interface PodIdentity {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Names that Kubernetes generates are at most so many characters of what they are made from, and five at random. */
const GENERATED_BASE_MAX = 58;
const randomEnd = /[a-z0-9]{5}$/;

/**
 * The name of what a pod belongs to: its Deployment, StatefulSet, Job, CronJob or DaemonSet, which its controller's
 * labels and its name tell. The pod's own name where they do not. Nothing in it can be relied on to be clean.
 */
export function workloadName(pod: PodIdentity): string {
  return ofDeployment(pod) ?? ofStatefulSet(pod) ?? ofJob(pod) ?? ofDaemonSet(pod) ?? pod.name;
}

/** `web-5d9c7b8f4-x2x7k`, of the ReplicaSet `web-5d9c7b8f4`. */
function ofDeployment({ name, labels }: PodIdentity): string | undefined {
  const hash = labels["pod-template-hash"];
  return hash ? withoutGenerated(name, `-${hash}-`) : undefined;
}

/** `db-0`. Its pods have a controller-revision-hash, too. */
function ofStatefulSet({ name, labels }: PodIdentity): string | undefined {
  const isOne =
    labels["statefulset.kubernetes.io/pod-name"] !== undefined ||
    labels["apps.kubernetes.io/pod-index"] !== undefined;
  return isOne ? /^(.+)-\d+$/.exec(name)?.[1] : undefined;
}

/** `backup-28900123`: a CronJob's jobs have the minute in their names that they were due. */
function ofJob({ labels }: PodIdentity): string | undefined {
  const job = labels["batch.kubernetes.io/job-name"] || labels["job-name"];
  return job ? (/^(.+)-\d{8,}$/.exec(job)?.[1] ?? job) : undefined;
}

/** `agent-x2x7k` */
function ofDaemonSet({ name, labels }: PodIdentity): string | undefined {
  return labels["controller-revision-hash"] ? withoutGenerated(name, "-") : undefined;
}

/**
 * The name without its random end, and without what stands before that. Of a long name the base was cut, and with it
 * the end of `before`, or all of it.
 */
function withoutGenerated(name: string, before: string): string | undefined {
  if (!randomEnd.test(name)) return undefined;
  const base = name.slice(0, -5);
  const shortest = base.length === GENERATED_BASE_MAX ? 0 : before.length;
  for (let length = before.length; length >= shortest; length--) {
    const end = before.slice(0, length);
    if (base.endsWith(end) && base.length > length) return base.slice(0, base.length - length);
  }
  return undefined;
}
