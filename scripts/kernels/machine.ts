import { join } from "node:path";
import { run } from "../rig/command.ts";
import type { Output } from "./case.ts";
import type { Tools } from "./packages.ts";

const BOOT_TIMEOUT_MS = 600_000;
/** A part of a log that says why a guest has ended early. */
const TAIL_LINES = 15;
const TAIL_LINE_MAX = 200;
/** The guest's last word, on a line of its own. */
const FINISHED = /^finished\r?$/m;

/** What a guest has printed. */
export interface Boot {
  /** As uname has it; undefined when the guest did not get so far. */
  readonly release: string | undefined;
  /** By the case's name. */
  readonly outputs: ReadonlyMap<string, Output>;
  /** The end of the console's log. */
  readonly tail: string;
}

export interface MachineOptions {
  readonly tools: Tools;
  /** Folder of the unpacked kernel. */
  readonly kernel: string;
  readonly initramfs: string;
  /** Gets all that the console shows. */
  readonly log: string;
}

/**
 * Boots a kernel in QEMU without KVM, which many machines lack, and ends it when the guest has finished. A guest
 * that hangs or crashes has fewer outputs.
 */
export async function boot({ tools, kernel, initramfs, log }: MachineOptions): Promise<Boot> {
  const qemu = tools.qemu.folder;
  const libraries = join(qemu, "usr/lib/x86_64-linux-gnu");
  const image = (await run(["find", kernel, "-type", "f", "-name", "vmlinuz*"])).trim();
  const machine = Bun.spawn(
    [
      ...["nice", "-n", "10", "timeout", "--kill-after=5", String(BOOT_TIMEOUT_MS / 1000)],
      // With its own libraries, through its own loader.
      join(qemu, "lib64/ld-linux-x86-64.so.2"),
      ...["--library-path", libraries],
      join(qemu, "usr/bin/qemu-system-x86_64"),
      ...["-L", join(qemu, "usr/share/qemu"), "-L", join(qemu, "usr/share/seabios")],
      // One processor: with two, a kernel that patched its own code crashed now and then under emulation.
      ...["-machine", "q35", "-accel", "tcg", "-cpu", "max", "-m", "2048"],
      ...["-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot"],
      ...["-kernel", image, "-initrd", initramfs, "-append", "console=ttyS0 panic=-1 quiet loglevel=3"],
    ],
    {
      env: { ...process.env, QEMU_MODULE_DIR: join(libraries, "qemu") },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const [console, errors] = await Promise.all([
    readUntilFinished(machine),
    new Response(machine.stderr).text(),
    machine.exited,
  ]);
  await Bun.write(log, console + errors);
  return parseConsole(console, errors);
}

async function readUntilFinished(machine: Bun.Subprocess<"ignore", "pipe", "pipe">): Promise<string> {
  const decoder = new TextDecoder();
  let console = "";
  for await (const chunk of machine.stdout) {
    console += decoder.decode(chunk, { stream: true });
    if (FINISHED.test(console.slice(-100))) machine.kill();
  }
  return console;
}

/** Takes the cases' lines out of the console's log. */
export function parseConsole(console: string, errors = ""): Boot {
  const lines = console.split(/[\r\n]+/);
  const outputs = new Map<string, Output>();
  for (const line of lines) {
    const result = parseLine(line);
    if (result === undefined) continue;
    const { exitCode, stdout, stderr } = result;
    outputs.set(result.case, { exitCode, stdout: decode(stdout), stderr: decode(stderr) });
  }
  return {
    release: lines.flatMap((line) => /^kernel (\S+)$/.exec(line)?.[1] ?? [])[0],
    outputs,
    tail: [...lines.filter((line) => parseLine(line) === undefined), errors]
      .slice(-TAIL_LINES)
      .map((line) => line.slice(0, TAIL_LINE_MAX))
      .join("\n")
      .trim(),
  };
}

function parseLine(line: string): (Output & { readonly case: string }) | undefined {
  if (!line.startsWith('{"case":')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // it was broken by a line of the kernel's
  }
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
