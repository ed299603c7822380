import type { Case, Output } from "../case.ts";
import type { Features, Kernel } from "../kernel.ts";

interface Finding {
  readonly check: string;
  readonly level: string;
  readonly text: string;
}

/** What `optimizer doctor` has to say of a kernel, by the name of its check: the level, and a part of its text. */
function expectations(has: Features): Record<string, readonly [level: string, text: RegExp]> {
  return {
    kernel: ["good", /^Linux \d+\.\d+/],
    fanotify: ["good", /saw \d+ files/],
    // FAN_UNLIMITED_QUEUE is older than any of these kernels.
    queue: ["good", /^without limit$/],
    "ignore marks": has.ignoreMarks ? ["good", /costs nothing/] : ["warning", /lists are right, .* CPU/],
    "mount ids": has.uniqueMountIds ? ["good", /never used twice/] : ["warning", /lists are right unless/],
    "event errors": has.eventErrors ? ["good", /told/] : ["warning", /lists are right but for/],
    groups: ["good", has.groupLimit ? /max_user_groups is \d+/ : /no fs\.fanotify\.max_user_groups.* 128/],
  };
}

/** The doctor's findings are right for the kernel. */
export const doctor: Case = {
  name: "doctor",
  script: "optimizer doctor --json",
  onHost: false,
  check: checkFindings,
};

/**
 * They are also right where every file has several names, as those of ostree's hosts: such files get no ignore marks,
 * on any kernel.
 */
export const doctorWithHardLinks: Case = {
  name: "doctor with hard links",
  script: [
    "for file in /bin/optimizer /bin/busybox $(find /lib /lib64 -type f); do",
    '  ln "$file" "$file.other"',
    "done",
    "optimizer doctor --json",
  ].join("\n"),
  onHost: false,
  check: checkFindings,
};

function checkFindings({ stdout, stderr }: Output, kernel: Kernel | undefined): string[] {
  if (kernel === undefined) return [];
  let findings: readonly Finding[];
  try {
    findings = JSON.parse(stdout).findings;
  } catch {
    return [`no findings: ${stderr.trim() || stdout}`];
  }
  return Object.entries(expectations(kernel.features)).flatMap(([check, [level, text]]) => {
    const finding = findings.find((each) => each.check === check);
    if (finding === undefined) return [`nothing is said of "${check}"`];
    if (finding.level === level && text.test(finding.text)) return [];
    return [`"${check}" is ${finding.level}, "${finding.text}"; expected ${level}, ${text}`];
  });
}
