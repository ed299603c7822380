import { constants } from "node:os";
import { selfCommand } from "../sys/self-command.ts";
import { type ExecHeldOptions, loadShim } from "../sys/shim.ts";
import { openStream } from "../sys/stream.ts";
import { type DeviceNumber, deviceNumber } from "../trace/records.ts";
import type { CommandEnvironment } from "./command-environment.ts";
import { HELD_WORD } from "./held-word.ts";

/** What to hold. */
export interface HoldOptions {
  readonly command: readonly string[];
  /** A root file system to run in, under a throw-away overlay. */
  readonly rootfs?: string | undefined;
  readonly environment: CommandEnvironment;
  /** Gives its output to us instead of to our own standard streams. */
  readonly piped?: boolean;
}

/** A command in a mount namespace of its own that waits for its first instruction. */
export interface HeldCommand {
  readonly pid: number;
  /**
   * The device that files of its root file system are shown with, and none that it makes; undefined where overlay does
   * not keep them apart, and without a root file system of its own.
   */
  readonly imageDevice: DeviceNumber | undefined;
  /** Its output, when it is piped. */
  readonly output:
    | { readonly stdout: ReadableStream<Uint8Array>; readonly stderr: ReadableStream<Uint8Array> }
    | undefined;
  /** Lets it run: the next thing the process does is to execute the command. */
  release(): void;
  /** Sends it a signal. */
  kill(signal: NodeJS.Signals): void;
  /** Its exit code; 128 + N when signal N ended it, as shells tell it. */
  readonly exited: Promise<number>;
}

/** Where the process that is held finds its end of the socket pair. */
const WORD_FD = 3;
/** Of struct opt_held_ready. */
const READY_BYTES = 8;

/** What shells return when a command cannot be run, cannot be found, or something before that failed. */
const exitCodes: Record<string, number> = { ENOENT: 127, EACCES: 126, ENOEXEC: 126 };
const SETUP_FAILED = 125;
const NO_DEVICE = deviceNumber(0, 0);

/** Whatever a root file system is called, behind its prefix it is not the word for none: nor is no name at all. */
const HOST_ROOT = "host";
const ROOTFS_PREFIX = "rootfs:";

/**
 * Starts a command and holds it. Rejects when it cannot be held; that
 * its program does not exist shows only later, as exit code 127.
 */
export async function holdCommand(options: HoldOptions): Promise<HeldCommand> {
  const { piped = false } = options;
  const output = piped ? "pipe" : "inherit";
  const child = Bun.spawn([...selfCommand(), HELD_WORD, ...toWords(options)], {
    stdio: ["inherit", output, output, "pipe"],
  });
  const ready = Promise.withResolvers<DeviceNumber | undefined>();
  let said = Buffer.alloc(0);
  const stream = await openStream(
    { fd: child.stdio[WORD_FD] as number },
    {
      data(chunk) {
        said = Buffer.concat([said, chunk]);
        if (said.byteLength >= READY_BYTES)
          ready.resolve(deviceNumber(said.readUInt32LE(0), said.readUInt32LE(4)));
      },
      end: () => ready.resolve(undefined),
    },
  );
  const imageDevice = await ready.promise;
  if (imageDevice === undefined) {
    await child.exited;
    throw new Error("The command could not be started"); // it has said why
  }
  return {
    pid: child.pid,
    imageDevice: imageDevice === NO_DEVICE ? undefined : imageDevice,
    output:
      child.stdout instanceof ReadableStream && child.stderr instanceof ReadableStream
        ? { stdout: child.stdout, stderr: child.stderr }
        : undefined,
    release: () => stream.write(Buffer.from(".")),
    kill: (signal) => child.kill(signal),
    exited: child.exited
      .then((code) =>
        child.signalCode === null ? code : 128 + constants.signals[child.signalCode as NodeJS.Signals],
      )
      .finally(() => stream.close()),
  };
}

/** The other side of holdCommand(): becomes the command. Returns an exit code when that fails. */
export function becomeHeld(words: readonly string[]): number {
  const held = fromWords(words);
  const { step, error } = loadShim().execHeld({ ...held, wordFd: WORD_FD });
  if (step !== "run the command") {
    process.stderr.write(`optimizer: ${error.message}\n`);
    return SETUP_FAILED;
  }
  process.stderr.write(`optimizer: Cannot run ${held.command[0]}: ${error.code}\n`);
  return exitCodes[error.code] ?? 126;
}

/** How the process that is held is told. */
function toWords({ command, rootfs, environment: { base, variables } }: HoldOptions): string[] {
  const root = rootfs === undefined ? HOST_ROOT : `${ROOTFS_PREFIX}${rootfs}`;
  return [root, base, `${variables.length}`, ...variables, ...command];
}

function fromWords([root = "", base, count, ...rest]: readonly string[]): Omit<ExecHeldOptions, "wordFd"> {
  return {
    rootfs: root === HOST_ROOT ? undefined : root.slice(ROOTFS_PREFIX.length),
    environment: base === "clean" ? "clean" : "inherited",
    variables: rest.slice(0, Number(count)),
    command: rest.slice(Number(count)),
  };
}
