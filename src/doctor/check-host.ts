import { missingCapabilities, neededCapabilities } from "../sys/capabilities.ts";
import type { HostFacts, OpenFiles, Trial } from "./facts.ts";
import { type Finding, good, warning, wrong } from "./finding.ts";
import { isAtLeast } from "./nri-settings.ts";

const KERNEL_MIN = [5, 10] as const;
/** Below this a burst of opens, each of which takes a descriptor, comes close. */
const OPEN_FILES_MIN = 4096;

const BY_HAND = "sudo optimizer doctor";

/** Findings about the host and the rights of this process. */
export function checkHost(host: HostFacts): Finding[] {
  return [
    checkRoot(host),
    checkCapabilities(host),
    ...(host.userNamespace === "own"
      ? [
          wrong("namespace", "root in a user namespace is not root of the machine, which fanotify wants", {
            advice: "start it on the host, or in a container without user namespace",
          }),
        ]
      : []),
    checkKernel(host),
    ...checkTrial(host),
    checkOpenFiles("open files", host.openFiles),
    checkGroups(host),
  ];
}

function checkRoot({ uid }: HostFacts): Finding {
  return uid === 0
    ? good("root", "uid 0")
    : wrong("root", `uid ${uid}: tracing and the runtime's folders need root`, { commands: [BY_HAND] });
}

function checkCapabilities({ capabilities }: HostFacts): Finding {
  const missing = missingCapabilities(capabilities);
  if (missing.length === 0)
    return good("capabilities", neededCapabilities.map(({ name }) => name).join(", "));
  const essential = missing.filter((each) => each.essential);
  const told = essential.length > 0 ? essential : missing;
  const names = told.map(({ name }) => name).join(", ");
  return (essential.length > 0 ? wrong : warning)(
    "capabilities",
    `without ${names}: ${told.map(({ loss }) => loss).join("; ")}`,
    { advice: `add ${names} to the container's securityContext, or to CapabilityBoundingSet of the unit` },
  );
}

function checkKernel({ kernel }: HostFacts): Finding {
  return isAtLeast(kernel, ...KERNEL_MIN)
    ? good("kernel", `Linux ${kernel}`)
    : wrong("kernel", `Linux ${kernel}: 5.10 or newer is needed`, { advice: "update the kernel" });
}

function checkTrial({ trial, kernel, uid }: HostFacts): Finding[] {
  switch (trial.kind) {
    case "failed":
      return [wrong("fanotify", trial.message, adviceFor(trial.code, uid))];
    case "not marked":
      return [wrong("fanotify", `cannot ${trial.step}: ${trial.code}`, adviceFor(trial.code, uid))];
    case "traced":
      return [
        trial.opens > 0
          ? good("fanotify", `a trial saw ${trial.opens} files being opened`)
          : warning(
              "fanotify",
              "a trial saw no file being opened: this program lies on another mount than /",
            ),
        trial.unlimitedQueue
          ? good("queue", "without limit")
          : wrong("queue", "limited to 16384 events: a burst of opens loses files"),
        ...checkFeatures(trial, kernel),
      ];
  }
}

/** What some kernels lack, and what that costs. Features also reach older stable kernels: only the probe tells. */
function checkFeatures(trial: Trial & { kind: "traced" }, kernel: string): Finding[] {
  const { ignoring, uniqueMountIds, eventErrors } = trial;
  return [
    ...(ignoring === undefined
      ? []
      : [
          ignoring
            ? good("ignore marks", "a file that was seen costs nothing any more")
            : warning(
                "ignore marks",
                `Linux ${kernel} has no evictable ones (5.19 has): lists are right, but a file that is opened ` +
                  "again costs as much as a new one: a million opens take some 10 s of CPU instead of 1",
              ),
        ]),
    uniqueMountIds
      ? good("mount ids", "never used twice")
      : warning(
          "mount ids",
          `Linux ${kernel} uses them again (6.8 does not): lists are right unless a container starts just when ` +
            "another one ends: it may get a file of that one listed, or not be traced, which the log says",
        ),
    eventErrors
      ? good("event errors", "told with their reason")
      : warning(
          "event errors",
          `Linux ${kernel} does not tell them (6.13 does): lists are right but for a file that the kernel cannot ` +
            "open for this program, which is rare: it may be missing though the list is said to be complete",
        ),
  ];
}

function adviceFor(code: string | undefined, uid: number): { advice: string } | undefined {
  if (code === "EPERM" && uid === 0) {
    return { advice: "a security module or seccomp profile forbids it: run it unconfined (privileged)" };
  }
  return code === "ENOSYS" ? { advice: "a kernel with CONFIG_FANOTIFY=y is needed" } : undefined;
}

/** `whose` is the check's name. */
export function checkOpenFiles(whose: string, { soft, hard }: OpenFiles): Finding {
  const text = `soft ${count(soft)}, hard ${count(hard)}`;
  return hard >= OPEN_FILES_MIN
    ? good(whose, `${text}; the program raises the soft limit itself`)
    : warning(whose, `${text}: a burst of opens may lose events below ${OPEN_FILES_MIN}`, {
        advice: "LimitNOFILE=1048576 in the runtime's unit; ulimit -Hn for a shell",
      });
}

function count(limit: number): string {
  return Number.isFinite(limit) ? String(limit) : "unlimited";
}

function checkGroups({ maxUserGroups }: HostFacts): Finding {
  if (maxUserGroups === undefined) {
    return good("groups", "no fs.fanotify.max_user_groups here (5.13 has): it is 128; one is needed");
  }
  return maxUserGroups > 0
    ? good("groups", `fs.fanotify.max_user_groups is ${maxUserGroups}; one is needed`)
    : wrong("groups", "fs.fanotify.max_user_groups is 0: no fanotify for anybody", {
        commands: ["sysctl -w fs.fanotify.max_user_groups=128"],
      });
}
