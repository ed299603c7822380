import { describe, expect, test } from "bun:test";
import { workloadName } from "../../src/session/workload.ts";

const hash = "pod-template-hash";
const revision = "controller-revision-hash";
const long = "a".repeat(70);

describe("workloadName()", () => {
  for (const [what, name, labels, workload] of [
    ["a Deployment's pod", "web-5d9c7b8f4-x2x7k", { [hash]: "5d9c7b8f4" }, "web"],
    ["one of a name with dashes", "my-web-app-5d9c7b8f4-x2x7k", { [hash]: "5d9c7b8f4" }, "my-web-app"],
    [
      "one of a name that was cut in the hash",
      `${long.slice(0, 50)}-5d9c7b8x2x7k`,
      { [hash]: "5d9c7b8f4" },
      long.slice(0, 50),
    ],
    [
      "one of a name that was cut before the hash",
      `${long.slice(0, 58)}x2x7k`,
      { [hash]: "5d9c7b8f4" },
      long.slice(0, 58),
    ],
    [
      "a pod with another hash in its name",
      "web-111111111-x2x7k",
      { [hash]: "5d9c7b8f4" },
      "web-111111111-x2x7k",
    ],
    [
      "a pod that has a hash and no random end",
      "web-5d9c7b8f4-X",
      { [hash]: "5d9c7b8f4" },
      "web-5d9c7b8f4-X",
    ],
    ["a pod that is its hash", "-5d9c7b8f4-x2x7k", { [hash]: "5d9c7b8f4" }, "-5d9c7b8f4-x2x7k"],
    [
      "a StatefulSet's pod",
      "db-0",
      { "statefulset.kubernetes.io/pod-name": "db-0", [revision]: "db-7f9d" },
      "db",
    ],
    [
      "one that has its index only",
      "db-12",
      { "apps.kubernetes.io/pod-index": "12", [revision]: "db-7f9d" },
      "db",
    ],
    [
      "a Job's pod",
      "backup-x2x7k",
      { "batch.kubernetes.io/job-name": "backup", "job-name": "backup" },
      "backup",
    ],
    ["an older Job's pod", "backup-x2x7k", { "job-name": "backup" }, "backup"],
    ["a CronJob's pod", "report-28900123-x2x7k", { "job-name": "report-28900123" }, "report"],
    ["a Job of a short number", "report-2024-x2x7k", { "job-name": "report-2024" }, "report-2024"],
    ["a DaemonSet's pod", "agent-x2x7k", { [revision]: "7f9d" }, "agent"],
    ["one of a long name", `${long.slice(0, 58)}x2x7k`, { [revision]: "7f9d" }, long.slice(0, 58)],
    ["a pod of its own", "debug-x2x7k", {}, "debug-x2x7k"],
    ["a pod with other labels", "web-0", { app: "web" }, "web-0"],
    ["a pod with empty labels", "web-0", { [hash]: "", "job-name": "", [revision]: "" }, "web-0"],
    ["nothing", "", {}, ""],
  ] as const) {
    test(`of ${what} is ${JSON.stringify(workload)}`, () => {
      expect(workloadName({ name, labels })).toBe(workload);
    });
  }
});
