import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Containerd } from "./containerd.ts";
import type { Image } from "./oci.ts";
import { childrenOf } from "./processes.ts";
import { Rootfs } from "./rootfs.ts";
import { Snapshot } from "./snapshot.ts";
import { parseStraceLog, STRACE_OPTIONS } from "./strace-log.ts";
import { waitFor } from "./wait.ts";

/** A command to trace, and the runtime that has its image. */
export interface StraceOptions {
  readonly containerd: Containerd;
  readonly image: Image;
  /** All arguments; the image's entrypoint and cmd by default. */
  readonly command?: readonly string[];
  /** Added to the image's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Asked again and again with the folder of the command's root; the command gets its stop signal when it says true. */
  readonly stopWhen?: (root: string) => boolean | Promise<boolean>;
  readonly timeoutMs?: number;
}

/**
 * Runs a command as its container would, but under strace, and returns the regular files of the image that it opened or
 * that were opened to start programs: resolved absolute paths, raw bytes as latin1 text, each once, in the order of
 * first access. It is the answer that a recording of the same container must give; nothing of src/ takes part.
 */
export async function straceOpens(options: StraceOptions): Promise<string[]> {
  const { containerd, image } = options;
  await using untouched = await Snapshot.mount(containerd, image);
  await using used = await Snapshot.mount(containerd, image);
  const log = `${used.folder}.strace`;
  await runTraced(options, used.folder, log);
  const imageFiles = new Rootfs(untouched.folder);
  const opened = listOpens(await readFile(log, "latin1"), new Rootfs(used.folder));
  return [...opened].filter((path) => !isMount(path) && imageFiles.stat(path)?.isFile() === true);
}

async function runTraced(options: StraceOptions, root: string, log: string): Promise<void> {
  const { config } = options.image;
  const command = options.command ?? [...(config.entrypoint ?? []), ...(config.cmd ?? [])];
  const strace = options.containerd.packages.strace.folder;
  const output = openSync(`${root}.output`, "w");
  const explain = () => readFileSync(`${root}.output`, "utf8");
  const child = Bun.spawn(
    [
      ...["/usr/bin/unshare", "--mount", "/bin/sh", "-e", "-c", PREPARE, "rig", root],
      // With its own libraries, and through its own loader: no variable that the command would inherit.
      ...[
        join(strace, "lib64/ld-linux-x86-64.so.2"),
        "--library-path",
        join(strace, "usr/lib/x86_64-linux-gnu"),
      ],
      ...[join(strace, "usr/bin/strace"), ...STRACE_OPTIONS, "-o", log],
      ...["/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...[`--root=${root}`, `--wd=${config.workingDir || "/"}`, "--", ...command],
    ],
    {
      env: { HOME: "/root", ...parseEnv(config.env ?? []), ...options.env },
      stdio: ["ignore", output, output],
    },
  );
  closeSync(output);
  const timeoutMs = options.timeoutMs ?? 60_000;
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  try {
    await waitFor(async () => ended() || (await options.stopWhen?.(root)), {
      what: `${command.join(" ")} to ${options.stopWhen === undefined ? "end" : "be ready"} under strace`,
      timeoutMs,
      explain,
    });
    if (!ended()) signalInit(child.pid, (config.stopSignal ?? "SIGTERM") as NodeJS.Signals);
    const what = `${command.join(" ")} to end on its stop signal under strace`;
    await waitFor(ended, { what, timeoutMs, explain });
    if (!existsSync(log)) throw new Error(`Cannot run strace: ${explain()}`);
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

/** The command is the child of unshare, which is the child of strace. */
function signalInit(stracePid: number, signal: NodeJS.Signals): void {
  for (const pid of childrenOf(stracePid).flatMap(childrenOf)) process.kill(pid, signal);
}

function listOpens(log: string, root: Rootfs): Set<string> {
  const opened = new Set<string>();
  let inside = false;
  for (const event of parseStraceLog(log)) {
    switch (event.kind) {
      case "chroot":
        inside = true;
        break;
      case "open":
        // strace stands outside of the root. What came before that, or through another mount namespace, is the host's.
        if (event.path.startsWith(`${root.folder}/`)) opened.add(event.path.slice(root.folder.length));
        break;
      case "exec":
        if (!inside) break;
        for (const file of root.programFiles(stripRoot(event.path, root), stripRoot(event.cwd, root)))
          opened.add(file);
    }
  }
  return opened;
}

/** Paths of descriptors are the host's, paths that the command named are its own. */
function stripRoot(path: string, root: Rootfs): string {
  return path.startsWith(`${root.folder}/`) ? path.slice(root.folder.length) : path;
}

function parseEnv(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

/** Places and files that a container sees through mounts of their own, whatever the image has there. */
const MOUNTED = ["/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

function isMount(path: string): boolean {
  return MOUNTED.some((mount) => path === mount || path.startsWith(`${mount}/`));
}

/**
 * Mounts what a runtime would, then becomes its other arguments; all goes with the mount namespace. The environment is
 * the command's: what the mounting itself needs is set in a shell of its own.
 */
const PREPARE = `
root=$1
shift
(
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mkdir -p "$root/proc" "$root/sys" "$root/dev" "$root/etc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
  : > "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm" "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
for name in hosts hostname resolv.conf; do
  [ -e "/etc/$name" ] || continue
  [ -e "$root/etc/$name" ] || : > "$root/etc/$name"
  mount --bind "/etc/$name" "$root/etc/$name"
done
)
exec "$@"
`;
