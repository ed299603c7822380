import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { diagnose } from "../../src/doctor/diagnose.ts";
import type {
  Facts,
  HostFacts,
  PersistDirFacts,
  PluginEntry,
  PluginProcess,
  ProcessRights,
  RuntimeFacts,
  RuntimeReport,
  Trial,
} from "../../src/doctor/facts.ts";
import { type Finding, isHealthy } from "../../src/doctor/finding.ts";
import { formatReport } from "../../src/doctor/report.ts";
import type { Answer } from "../../src/status/ask.ts";
import type { Problem } from "../../src/status/problem.ts";
import type { ReadStatus } from "../../src/status/read-status.ts";

const URI = '[plugins."io.containerd.nri.v1.nri"]';
const CONFIG = "/etc/containerd/config.toml";
const PLUGIN = "02-optimizer-nri-plugin";
const BOOT_MS = 1_000_000_000;

const traced: Trial & { kind: "traced" } = {
  kind: "traced",
  opens: 7,
  unlimitedQueue: true,
  ignoring: true,
  uniqueMountIds: true,
  eventErrors: true,
};

const host: HostFacts = {
  uid: 0,
  capabilities: 0x1ffffffffffn,
  userNamespace: "initial",
  pidNamespace: "initial",
  kernel: "6.18.44",
  trial: traced,
  openFiles: { soft: 1024, hard: 524288 },
  maxUserGroups: 128,
};

const runtime: RuntimeFacts = {
  kind: "containerd",
  program: "/usr/bin/containerd",
  version: "1.7.24",
  vantage: "here",
  process: {
    pid: 812,
    startedAtMs: BOOT_MS,
    unit: "containerd.service",
    openFiles: { soft: 1048576, hard: Number.POSITIVE_INFINITY },
  },
  config: [{ path: CONFIG, text: `version = 2\n${URI}\n  disable = false\n`, changedAtMs: 1 }],
};

const entry: PluginEntry = { name: PLUGIN, kind: "file", executable: true, same: "same", changedAtMs: 1 };
/** What a plugin that is connected to that runtime says of itself. */
const status: ReadStatus = {
  optimizer: "0.1.0",
  pid: 830,
  name: "02-optimizer-nri-plugin",
  launch: "pre-launched",
  persistDir: "/opt/nri/optimizer/results",
  connected: true,
  runtime: { name: "containerd", version: "1.7.24" },
  runtimePid: 812,
  since: "2026-11-24T05:58:08.000Z",
  answers: { count: 1, slow: 0, worstMs: 4 },
  traces: { running: 0, traced: 1, incomplete: 0 },
  lastTrace: undefined,
  problems: [],
  json: {},
};
const answered = (pid: number, problems: readonly Problem[] = []): Answer => ({
  pid,
  kind: "answered",
  status: { ...status, pid, problems },
});
const child: PluginProcess = {
  pid: 830,
  parent: 812,
  launch: "pre-launched",
  replaced: false,
  answer: answered(830),
};
const external: PluginProcess = {
  pid: 900,
  parent: 1,
  launch: "external",
  replaced: false,
  answer: answered(900),
};
const report: RuntimeReport = { runtime, plugins: [entry], children: [child], connected: status };

const persistDir: PersistDirFacts = {
  path: "/opt/nri/optimizer/results",
  existing: "/opt/nri/optimizer/results",
  fsType: "ext4",
  freeBytes: 12 * 2 ** 30,
  uid: 0,
  mode: 0o755,
};

const facts: Facts = {
  host,
  runtimes: [report],
  docker: false,
  persistDir,
  config: { path: `/etc/nri/conf.d/${PLUGIN}.conf`, text: "", changedAtMs: 1 },
  configWanted: false,
  external: [],
  elsewhere: [],
  runDir: "/run/optimizer",
  runDirProblem: undefined,
  program: "/usr/local/bin/optimizer",
  systemd: true,
  overwrite: false,
};

const withHost = (more: Partial<HostFacts>): Facts => ({ ...facts, host: { ...host, ...more } });
const withTrial = (more: Partial<typeof traced>): Facts => withHost({ trial: { ...traced, ...more } });
const withReport = (more: Partial<RuntimeReport>, others: Partial<Facts> = {}): Facts => ({
  ...facts,
  ...others,
  runtimes: [{ ...report, ...more }],
});
const withRuntime = (more: Partial<RuntimeFacts>, others: Partial<RuntimeReport> = {}): Facts =>
  withReport({ ...others, runtime: { ...runtime, ...more } });
const withEntries = (...plugins: Partial<PluginEntry>[]): Facts =>
  withReport({ plugins: plugins.map((each) => ({ ...entry, ...each })) });
const withDir = (more: Partial<PersistDirFacts>, others: Partial<Facts> = {}): Facts => ({
  ...facts,
  ...others,
  persistDir: { ...persistDir, ...more },
});
const withConfig = (text: string | undefined, more: object = {}): Facts => ({
  ...facts,
  config: { ...facts.config, text, ...more },
});

/** An external plugin that runs as a service. */
const withRights = (more: Partial<ProcessRights>): Facts => {
  const rights = {
    capabilities: 0x2c0004n,
    noNewPrivileges: true,
    filtered: true,
    unit: "optimizer.service",
    ...more,
  };
  return withReport({ plugins: [], children: [] }, { external: [{ ...external, rights }] });
};
const UNIT = readFileSync(join(import.meta.dir, "../../scripts/install/optimizer.service"), "utf8");
const withUnit = (text: string): Facts => ({
  ...facts,
  service: { path: "/etc/systemd/system/optimizer.service", text },
});

/** The lines of what is not good. */
function badLines(findings: readonly Finding[]): string[] {
  const text = formatReport(
    findings.filter(({ level }) => level !== "good"),
    { width: undefined, colours: false },
  );
  return text.split("\n").slice(0, -3);
}

test("diagnose() finds all good on a host where all is good", () => {
  expect(formatReport(diagnose(facts), { width: undefined, colours: false })).toBe(
    `good   root          uid 0
good   capabilities  CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_SYS_CHROOT, CAP_DAC_READ_SEARCH
good   kernel        Linux 6.18.44
good   fanotify      a trial saw 7 files being opened
good   queue         without limit
good   ignore marks  a file that was seen costs nothing any more
good   mount ids     never used twice
good   event errors  told with their reason
good   open files    soft 1024, hard 524288; the program raises the soft limit itself
good   groups        fs.fanotify.max_user_groups is 128; one is needed
good   containerd    1.7.24 (/usr/bin/containerd, pid 812)
good   its files     soft 1048576, hard unlimited; the program raises the soft limit itself
good   NRI           on in /etc/containerd/config.toml, line 3
good   folder        /opt/nri/plugins: each executable is named NN-name
good   plugin        /opt/nri/plugins/02-optimizer-nri-plugin
good   config        /etc/nri/conf.d/02-optimizer-nri-plugin.conf
good   persist_dir   /opt/nri/optimizer/results on ext4, 12.0 GiB free
good   running       pid 830, started by containerd, connected to containerd 1.7.24

All that is needed is there.
`,
  );
});

test("diagnose() does not say what a sysctl is that this kernel does not have", () => {
  const groups = diagnose(withHost({ maxUserGroups: undefined })).find(({ check }) => check === "groups");
  expect(groups).toEqual({
    check: "groups",
    level: "good",
    text: "no fs.fanotify.max_user_groups here (5.13 has): it is 128; one is needed",
  });
});

test("diagnose() says nothing of ignore marks that could not be tried", () => {
  const checks = diagnose(withTrial({ ignoring: undefined })).map(({ check }) => check);
  expect(checks).not.toContain("ignore marks");
  expect(checks).toContain("mount ids");
});

describe("diagnose() tells of", () => {
  for (const [what, its, lines] of [
    [
      "another user",
      withHost({
        uid: 1000,
        capabilities: 0n,
        trial: {
          kind: "failed",
          message: "Cannot start tracing with fanotify: EPERM (run as root: this needs CAP_SYS_ADMIN)",
          code: "EPERM",
        },
      }),
      [
        "WRONG  root          uid 1000: tracing and the runtime's folders need root",
        "    sudo optimizer doctor",
        "WRONG  capabilities  without CAP_SYS_ADMIN, CAP_SYS_PTRACE: fanotify and mount namespaces are closed; the roots of containers are closed",
        "                     add CAP_SYS_ADMIN, CAP_SYS_PTRACE to the container's securityContext, or to CapabilityBoundingSet of the unit",
        "WRONG  fanotify      Cannot start tracing with fanotify: EPERM (run as root: this needs CAP_SYS_ADMIN)",
      ],
    ],
    [
      "a missing capability",
      withHost({ capabilities: 0x1ffffffffffn & ~(1n << 19n) }),
      [
        "WRONG  capabilities  without CAP_SYS_PTRACE: the roots of containers are closed",
        "                     add CAP_SYS_PTRACE to the container's securityContext, or to CapabilityBoundingSet of the unit",
      ],
    ],
    [
      "a capability that would be good to have",
      withHost({ capabilities: 0x1ffffffffffn & ~(1n << 2n) }),
      [
        "warn   capabilities  without CAP_DAC_READ_SEARCH: folders of an image that are closed to others cannot be looked into",
        "                     add CAP_DAC_READ_SEARCH to the container's securityContext, or to CapabilityBoundingSet of the unit",
      ],
    ],
    [
      "a user namespace",
      withHost({ userNamespace: "own" }),
      [
        "WRONG  namespace     root in a user namespace is not root of the machine, which fanotify wants",
        "                     start it on the host, or in a container without user namespace",
      ],
    ],
    [
      "a kernel that is too old",
      withHost({
        kernel: "5.4.0-generic",
        trial: {
          kind: "failed",
          message: "Cannot start tracing with fanotify: EOPNOTSUPP (…)",
          code: "EOPNOTSUPP",
        },
      }),
      [
        "WRONG  kernel        Linux 5.4.0-generic: 5.10 or newer is needed",
        "                     update the kernel",
        "WRONG  fanotify      Cannot start tracing with fanotify: EOPNOTSUPP (\xe2\x80\xa6)",
      ],
    ],
    [
      "a kernel without fanotify",
      withHost({
        trial: { kind: "failed", message: "Cannot start tracing with fanotify: ENOSYS", code: "ENOSYS" },
      }),
      [
        "WRONG  fanotify      Cannot start tracing with fanotify: ENOSYS",
        "                     a kernel with CONFIG_FANOTIFY=y is needed",
      ],
    ],
    [
      "a security module",
      withHost({ trial: { kind: "not marked", step: "mark its root", code: "EPERM" } }),
      [
        "WRONG  fanotify      cannot mark its root: EPERM",
        "                     a security module or seccomp profile forbids it: run it unconfined (privileged)",
      ],
    ],
    [
      "a kernel without evictable ignore marks, and what that costs",
      withHost({ kernel: "5.10.0-30-cloud-amd64", trial: { ...traced, ignoring: false } }),
      [
        "warn   ignore marks  Linux 5.10.0-30-cloud-amd64 has no evictable ones (5.19 has): lists are right, but a file that is opened again costs as much as a new one: a million opens take some 10 s of CPU instead of 1",
      ],
    ],
    [
      "a kernel that uses mount ids again, and what that costs",
      withHost({ kernel: "6.1.0-50-cloud-amd64", trial: { ...traced, uniqueMountIds: false } }),
      [
        "warn   mount ids     Linux 6.1.0-50-cloud-amd64 uses them again (6.8 does not): lists are right unless a container starts just when another one ends: it may get a file of that one listed, or not be traced, which the log says",
      ],
    ],
    [
      "a kernel that does not tell of errors, and what that costs",
      withHost({ kernel: "6.1.0-50-cloud-amd64", trial: { ...traced, eventErrors: false } }),
      [
        "warn   event errors  Linux 6.1.0-50-cloud-amd64 does not tell them (6.13 does): lists are right but for a file that the kernel cannot open for this program, which is rare: it may be missing though the list is said to be complete",
      ],
    ],
    [
      "a trial that saw nothing",
      withTrial({ opens: 0 }),
      ["warn   fanotify      a trial saw no file being opened: this program lies on another mount than /"],
    ],
    [
      "a limited queue",
      withTrial({ unlimitedQueue: false }),
      ["WRONG  queue         limited to 16384 events: a burst of opens loses files"],
    ],
    [
      "few open files",
      withHost({ openFiles: { soft: 256, hard: 1024 } }),
      [
        "warn   open files    soft 256, hard 1024: a burst of opens may lose events below 4096",
        "                     LimitNOFILE=1048576 in the runtime's unit; ulimit -Hn for a shell",
      ],
    ],
    [
      "no groups",
      withHost({ maxUserGroups: 0 }),
      [
        "WRONG  groups        fs.fanotify.max_user_groups is 0: no fanotify for anybody",
        "    sysctl -w fs.fanotify.max_user_groups=128",
      ],
    ],
    [
      "no runtime",
      { ...facts, runtimes: [] },
      ["warn   runtime       no containerd or CRI-O found; optimizer trace works without"],
    ],
    [
      "no runtime in a pid namespace",
      { ...withHost({ pidNamespace: "own" }), runtimes: [] },
      [
        "warn   runtime       no containerd or CRI-O among the processes of this pid namespace",
        "                     hostPID: true in Kubernetes, --pid=host in Docker",
      ],
    ],
    [
      "Docker alone",
      { ...facts, runtimes: [], docker: true },
      [
        "warn   runtime       only Docker's own containerd, whose containers raise no NRI events; trace works",
      ],
    ],
    [
      "a runtime that is too old",
      withRuntime({ version: "1.6.33" }),
      [
        "WRONG  containerd    1.6.33 (/usr/bin/containerd, pid 812) is too old: NRI needs 1.7",
        "                     update containerd",
      ],
    ],
    [
      "a runtime that does not tell its version",
      withRuntime({ version: undefined }),
      ["warn   containerd    /usr/bin/containerd, pid 812: its version cannot be told; NRI needs 1.7"],
    ],
    [
      "a runtime that does not run",
      withRuntime({ process: undefined }, { children: [] }),
      ["WRONG  running       containerd does not run", "    systemctl start containerd"],
    ],
    [
      "NRI that is off, nothing being installed",
      withReport({
        runtime: { ...runtime, config: [{ path: CONFIG, text: `version = 2\n${URI}\n  disable = true\n` }] },
        plugins: undefined,
        children: [],
      }),
      [
        "WRONG  NRI           off in /etc/containerd/config.toml, line 3",
        `    sed -i --follow-symlinks '3s/true/false/' ${CONFIG}`,
        "WRONG  plugin        not installed in /opt/nri/plugins",
        `    install -D -m 755 /usr/local/bin/optimizer /opt/nri/plugins/${PLUGIN}`,
        "WRONG  running       no: NRI is off",
        "    systemctl restart containerd.service",
      ],
    ],
    [
      "a runtime of which only the first number is known, and that may be too old",
      withRuntime({ version: "1.x" }),
      [
        "warn   containerd    1.x (/usr/bin/containerd, pid 812): NRI needs 1.7; a connected plugin tells the rest",
      ],
    ],
    [
      "a runtime of which only the first number is known, which is enough",
      withRuntime({ version: "2.x" }),
      [],
    ],
    [
      "a runtime of unknown version whose configuration does not tell, with no plugin",
      withRuntime(
        { version: undefined, config: [{ path: CONFIG, text: "version = 2\n", changedAtMs: 1 }] },
        { children: [], connected: undefined },
      ),
      [
        "warn   containerd    /usr/bin/containerd, pid 812: its version cannot be told; NRI needs 1.7",
        "warn   NRI           not set: on by default since containerd 2.0, and this version cannot be told",
        "                     /usr/bin/containerd --version tells; older ones need it switched on",
        "WRONG  running       no: it could not be started, or it ended; its log is in syslog, tag optimizer-nri-plugin",
        "    systemctl restart containerd.service",
      ],
    ],
    [
      "the same with a plugin that is connected: NRI is on",
      withRuntime({ version: undefined, config: [{ path: CONFIG, text: "version = 2\n", changedAtMs: 1 }] }),
      ["warn   containerd    /usr/bin/containerd, pid 812: its version cannot be told; NRI needs 1.7"],
    ],
    [
      "a runtime with other mounts, about which nothing is guessed",
      withReport({
        runtime: { ...runtime, vantage: "elsewhere", version: undefined, config: [] },
        plugins: undefined,
        children: [],
        connected: undefined,
      }),
      [
        "warn   containerd    /usr/bin/containerd, pid 812: its version cannot be told; NRI needs 1.7",
        "warn   NRI           containerd has other mounts than we do: its configuration cannot be seen from here",
        "                     run optimizer doctor where it runs: on the node itself, outside of the pod",
        "warn   running       whether a plugin of containerd runs cannot be told from here",
        "                     run optimizer doctor where it runs: on the node itself, outside of the pod",
      ],
    ],
    [
      "a plugin that is not connected",
      withReport(
        { children: [], connected: undefined },
        {
          external: [
            {
              ...external,
              answer: answered(900, [
                {
                  kind: "not-connected",
                  text: "not connected to a runtime: gone",
                  cure: "start the runtime",
                },
              ]),
            },
          ],
        },
      ),
      [
        "WRONG  running       pid 900, started by itself: not connected to a runtime: gone",
        "                     start the runtime",
      ],
    ],
    [
      "a plugin that does not answer",
      withReport({ children: [{ ...child, answer: { pid: 830, kind: "silent", waitedMs: 1000 } }] }),
      [
        "WRONG  running       pid 830, started by containerd, does not answer: it is stopped, or hangs",
        "                     kill -CONT 830, if somebody has stopped it; else start it anew",
      ],
    ],
    [
      "a plugin that cannot be asked",
      withReport({ children: [{ ...child, answer: undefined }] }),
      [
        "warn   running       pid 830, started by containerd; whether it is connected cannot be told: no socket in /run/optimizer",
        "                     its log says why; a plugin of an older version has none",
      ],
    ],
    [
      "a process with other mounts that calls itself the plugin, which proves nothing",
      { ...withReport({ plugins: [], children: [], connected: undefined }), elsewhere: [77] },
      [
        "warn   plugin        not in /opt/nri/plugins, but pid 77, which has other mounts, may be a pod's plugin",
        "                     ask it there: kubectl exec POD -- optimizer status",
        "warn   running       no child of containerd, but pid 77, which has other mounts, may be a pod's plugin",
        "                     ask it there: kubectl exec POD -- optimizer status",
      ],
    ],
    [
      "a plugin that runs twice, one of them in another pid namespace, where no number is killed",
      withReport({}, { external: [{ ...external, pid: 0, answer: answered(0) }] }),
      [
        "warn   running       twice, pid 830 of the runtime and pid 0: each traces",
        "                     end the one in the pod",
      ],
    ],
    [
      "a folder of sockets that nobody should believe",
      { ...facts, runDirProblem: "/run/optimizer belongs to user 1000: chown root /run/optimizer" },
      ["warn   status        /run/optimizer belongs to user 1000: chown root /run/optimizer"],
    ],
    [
      "a plugin without any runtime in sight",
      {
        ...facts,
        runtimes: [],
        external: [
          {
            ...external,
            answer: answered(900, [{ kind: "processes-hidden", text: "hidden", cure: "hostPID: true" }]),
          },
        ],
      },
      [
        "warn   runtime       no containerd or CRI-O found; optimizer trace works without",
        "WRONG  running       pid 900, started by itself: hidden",
        "                     hostPID: true",
      ],
    ],
    [
      "NRI that is off by default",
      withRuntime({ config: [{ path: CONFIG, text: undefined, error: "ENOENT" }] }),
      [
        "WRONG  NRI           off by default of containerd 1.7.24",
        "    mkdir -p /etc/containerd",
        `    printf '%s\\n' 'version = 2' '${URI}' '  disable = false' >>${CONFIG}`,
      ],
    ],
    [
      "NRI that only an editor can switch on",
      withRuntime({
        config: [
          { path: CONFIG, text: 'version = 2\nplugins = {"io.containerd.nri.v1.nri" = {disable = true}}\n' },
        ],
      }),
      [
        "WRONG  NRI           off in /etc/containerd/config.toml",
        "                     set disable = false there, in the section of NRI",
      ],
    ],
    [
      "a CRI that is switched off, as Docker's package does",
      withRuntime({
        config: [{ path: CONFIG, text: 'disabled_plugins = ["cri"]\n[plugins.nri]\ndisable = false\n' }],
      }),
      [
        'WRONG  CRI           switched off in /etc/containerd/config.toml, line 1: disabled_plugins has "cri"',
        `    sed -i --follow-symlinks '1s/"cri"//' ${CONFIG}`,
      ],
    ],
    [
      "NRI that is switched off as a plugin",
      withRuntime({
        config: [{ path: CONFIG, text: 'version = 2\ndisabled_plugins = [\n"io.containerd.nri.v1.nri"]\n' }],
      }),
      [
        'WRONG  NRI           switched off in /etc/containerd/config.toml, line 2: disabled_plugins has "io.containerd.nri.v1.nri"',
        '                     take "io.containerd.nri.v1.nri" out of disabled_plugins',
      ],
    ],
    [
      "a runtime's configuration that is no TOML",
      withRuntime({ config: [{ path: CONFIG, text: "version = 2\nversion = 3\n" }] }),
      [
        "WRONG  NRI           /etc/containerd/config.toml, line 2: not TOML: Can't redefine existing key",
        "                     containerd does not start with it; mend it with an editor",
      ],
    ],
    [
      "badly named files, and links",
      withEntries(
        {},
        { name: "optimizer.bak" },
        { name: "l", kind: "link", target: "/x" },
        { name: "d", kind: "directory" },
        { name: "README", executable: false },
        { name: "9-x y" },
      ),
      [
        "WRONG  folder        /opt/nri/plugins/optimizer.bak is executable but not named NN-name: the runtime does not start with it",
        "    chmod a-x /opt/nri/plugins/optimizer.bak",
        "WRONG  folder        /opt/nri/plugins/l is a link but not named NN-name: the runtime does not start with it",
        "                     it leads to /x, which stays",
        "    rm /opt/nri/plugins/l",
        "WRONG  folder        /opt/nri/plugins/9-x y is executable but not named NN-name: the runtime does not start with it",
        "    chmod a-x '/opt/nri/plugins/9-x y'",
      ],
    ],
    [
      "a link that leads nowhere",
      withEntries({}, { name: "10-logger", kind: "link", same: "other" }),
      [
        "WRONG  folder        /opt/nri/plugins/10-logger leads nowhere: the runtime does not start with it",
        "    rm /opt/nri/plugins/10-logger",
      ],
    ],
    [
      "a plugin that is not executable",
      withEntries({ executable: false }),
      [
        "WRONG  plugin        /opt/nri/plugins/02-optimizer-nri-plugin is not executable: runtimes pass over it",
        `    chmod 755 /opt/nri/plugins/${PLUGIN}`,
      ],
    ],
    [
      "a plugin that is there twice",
      withEntries({}, { name: "10-optimizer" }),
      [
        "warn   plugin        /opt/nri/plugins/02-optimizer-nri-plugin is there a second time, as 10-optimizer: each traces",
        "    chmod a-x /opt/nri/plugins/10-optimizer",
      ],
    ],
    [
      "another build",
      withEntries({ same: "other" }),
      [
        "warn   plugin        /opt/nri/plugins/02-optimizer-nri-plugin is another build than this one",
        `    install -D -m 755 /usr/local/bin/optimizer /opt/nri/plugins/${PLUGIN}`,
      ],
    ],
    [
      "no plugin, from the source",
      withReport({ plugins: [], children: [] }, { program: undefined }),
      [
        "WRONG  plugin        not installed in /opt/nri/plugins",
        "                     make install-optimizer",
        "WRONG  running       no: it is not installed",
        "    systemctl restart containerd.service",
      ],
    ],
    [
      "no plugin, but an external one",
      withReport({ plugins: [], children: [] }, { external: [external] }),
      [],
    ],
    [
      "two that run",
      { ...facts, external: [external] },
      ["warn   running       twice, pid 830 of the runtime and pid 900: each traces", "    kill 900"],
    ],
    ["a plugin with what it needs", withRights({}), []],
    [
      "a service without a capability that it needs",
      withRights({ capabilities: 0x240004n }),
      [
        "WRONG  rights        pid 900 lacks CAP_SYS_PTRACE: the roots of containers are closed",
        "                     add CAP_SYS_PTRACE to CapabilityBoundingSet of optimizer.service",
      ],
    ],
    [
      "a plugin that lacks what some images need",
      withRights({ capabilities: 0x2c0000n, unit: undefined }),
      [
        "warn   rights        pid 900 lacks CAP_DAC_READ_SEARCH: folders of an image that are closed to others cannot be looked into",
        "                     add CAP_DAC_READ_SEARCH to what starts it",
      ],
    ],
    [
      "a plugin with more capabilities than it needs",
      withRights({ capabilities: 0x1ffffffffffn }),
      ["warn   rights        pid 900 has more than it needs; its log says why it could not give them up"],
    ],
    [
      "a plugin that may gain privileges",
      withRights({ noNewPrivileges: false }),
      ["warn   rights        pid 900 has more than it needs; its log says why it could not give them up"],
    ],
    [
      "a service without a sandbox",
      withRights({ filtered: false }),
      [
        "warn   rights        pid 900: optimizer.service does not filter its system calls",
        "                     make install-service, and systemctl daemon-reload",
      ],
    ],
    ["a plugin started by hand, without a sandbox", withRights({ filtered: false, unit: undefined }), []],
    [
      "a service that does not run",
      withUnit(UNIT),
      [
        "warn   service       /etc/systemd/system/optimizer.service is installed, but does not run",
        "    systemctl enable --now optimizer.service",
      ],
    ],
    [
      "a unit with too few capabilities",
      withUnit(UNIT.replace(" CAP_SYS_PTRACE", "")),
      [
        "WRONG  service       /etc/systemd/system/optimizer.service: CapabilityBoundingSet lacks CAP_SYS_PTRACE",
        "                     make install-service, and systemctl daemon-reload",
      ],
    ],
    [
      "a unit without a sandbox",
      withUnit(
        "[Service]\nExecStart=/usr/local/bin/optimizer plugin\nNoNewPrivileges=no\nProtectSystem=full\n",
      ),
      [
        "warn   service       /etc/systemd/system/optimizer.service has no CapabilityBoundingSet, NoNewPrivileges, RestrictNamespaces, SystemCallFilter",
        "                     make install-service, and systemctl daemon-reload",
      ],
    ],
    [
      "a plugin that was installed after the start",
      withReport({ plugins: [{ ...entry, changedAtMs: BOOT_MS + 5000 }], children: [] }),
      [
        "WRONG  running       no: 02-optimizer-nri-plugin was installed since",
        "    systemctl restart containerd.service",
      ],
    ],
    [
      "a plugin that has ended, no unit being known",
      withRuntime(
        { process: { pid: 7, startedAtMs: BOOT_MS, unit: undefined, openFiles: undefined } },
        { children: [] },
      ),
      [
        "WRONG  running       no: it could not be started, or it ended; its log is in syslog, tag optimizer-nri-plugin",
        "                     restart containerd, pid 7",
      ],
    ],
    [
      "a build that was replaced",
      withReport({ children: [{ ...child, replaced: true }] }),
      [
        "warn   running       pid 830, but it is of a build that was replaced since",
        "    systemctl restart containerd.service",
      ],
    ],
    [
      "a configuration that was changed after the start",
      withConfig("", { changedAtMs: BOOT_MS + 5000 }),
      [
        "warn   running       pid 830, but /etc/nri/conf.d/02-optimizer-nri-plugin.conf was changed since",
        "    systemctl restart containerd.service",
      ],
    ],
    [
      "a broken configuration",
      withConfig('readabel = true\ntimeout = -1\nevents = ["StartContaner"]\n'),
      [
        'WRONG  config        /etc/nri/conf.d/02-optimizer-nri-plugin.conf: line 1: unknown key "readabel"; did you mean "readable"?',
        "WRONG  config        /etc/nri/conf.d/02-optimizer-nri-plugin.conf: line 2: timeout must be seconds from 0 to 2147483",
        'WRONG  config        /etc/nri/conf.d/02-optimizer-nri-plugin.conf: line 3: events: Cannot subscribe to event "StartContaner": no event has this name, the nearest is "StartContainer"',
        `    sed -i --follow-symlinks '1s/readabel/readable/' /etc/nri/conf.d/${PLUGIN}.conf`,
        `    sed -i --follow-symlinks '2s/^/# /' /etc/nri/conf.d/${PLUGIN}.conf`,
        `    sed -i --follow-symlinks '3s/^/# /' /etc/nri/conf.d/${PLUGIN}.conf`,
      ],
    ],
    ["no configuration", withConfig(undefined, { error: "ENOENT" }), []],
    [
      "a configuration that was named and is not there",
      { ...withConfig(undefined, { error: "ENOENT" }), configWanted: true },
      ["WRONG  config        /etc/nri/conf.d/02-optimizer-nri-plugin.conf cannot be read: ENOENT"],
    ],
    [
      "a folder that is read only",
      withDir({ writeError: "EROFS" }),
      [
        "WRONG  persist_dir   /opt/nri/optimizer/results: nothing can be written there: EROFS",
        "                     set persist_dir to a folder on a writable file system",
      ],
    ],
    [
      "a file where the folder should be",
      withDir({ existing: "/opt/nri", writeError: "ENOTDIR" }),
      [
        "WRONG  persist_dir   /opt/nri/optimizer/results (to be made): nothing can be written there: ENOTDIR",
        "    mv /opt/nri /opt/nri.old",
      ],
    ],
    [
      "a full disk",
      withDir({ freeBytes: 1 << 20 }),
      [
        "WRONG  persist_dir   /opt/nri/optimizer/results on ext4, 1.0 MiB free: too little",
        "                     make room, or set persist_dir",
      ],
    ],
    [
      "a disk that is nearly full",
      withDir({ freeBytes: 100 << 20 }),
      ["warn   persist_dir   /opt/nri/optimizer/results on ext4, 100.0 MiB free: that is not much"],
    ],
    [
      "a file system without links",
      withDir({ fsType: "vfat", linkError: "EPERM" }),
      [
        "WRONG  persist_dir   /opt/nri/optimizer/results on vfat: no hard links there (EPERM), which overwrite = false needs",
        "                     set overwrite = true, or persist_dir to another file system",
      ],
    ],
    ["a file system without links that needs none", withDir({ linkError: "EPERM" }, { overwrite: true }), []],
    [
      "a folder of somebody else",
      withDir({ uid: 1000 }),
      [
        "WRONG  persist_dir   /opt/nri/optimizer/results belongs to user 1000: the plugin may not write there",
        "    chown root /opt/nri/optimizer/results",
      ],
    ],
    [
      "a folder that others may write to",
      withDir({ mode: 0o1777 }),
      [
        "warn   persist_dir   /opt/nri/optimizer/results: others than root can write there, and forge results",
        "    chmod go-w /opt/nri/optimizer/results",
      ],
    ],
    [
      "memory",
      withDir({ fsType: "tmpfs" }),
      [
        "warn   persist_dir   /opt/nri/optimizer/results on tmpfs, 12.0 GiB free, which is memory: results are gone after a restart",
      ],
    ],
  ] as [string, Facts, string[]][]) {
    test(what, () => {
      const findings = diagnose(its);
      expect(badLines(findings)).toEqual(lines);
      expect(isHealthy(findings)).toBe(!lines.some((line) => line.startsWith("WRONG")));
    });
  }
});
