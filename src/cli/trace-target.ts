import { processStat } from "../sys/process-stat.ts";
import type { AttachedKind } from "./attached-start.ts";
import type { CommandEnvironment } from "./command-environment.ts";
import { type HeldCommand, holdCommand } from "./held-command.ts";
import { watchForLine } from "./stop.ts";

/** What is to be traced. */
export type TargetOptions =
  | {
      readonly kind: "command";
      readonly command: readonly string[];
      readonly rootfs: string | undefined;
      readonly environment: CommandEnvironment;
      /** Its output passes through us, so that a line can be waited for. */
      readonly piped: boolean;
    }
  | { readonly kind: AttachedKind; readonly pid: number; readonly name: string };

/** A process that is there, and when it ends. */
export interface Target {
  readonly pid: number;
  /** How the report names it. */
  readonly name: string;
  /** Resolves with the exit code of a command, with 0 for a process that is not ours. */
  readonly ended: Promise<number>;
  readonly held: HeldCommand | undefined;
}

const POLL_MS = 50;
/** How long a command may take to end when the trace is over before it does. */
const KILL_AFTER_MS = 5000;
/** How long it may take when it is killed: in a file system that does not answer it cannot end. */
const KILLED_WAIT_MS = 1000;

/** Starts the command and holds it, or takes the process as it is. */
export async function openTarget(options: TargetOptions): Promise<Target> {
  if (options.kind === "command") {
    const held = await holdCommand(options);
    return { pid: held.pid, name: options.command.join(" "), ended: held.exited, held };
  }
  return { pid: options.pid, name: options.name, ended: processEnd(options.pid), held: undefined };
}

/** Calls `found` when the command prints a line with `text`; its output passes on to ours. */
export function watchOutput({ held }: Target, text: string, found: () => void): Promise<void>[] {
  if (held?.output === undefined) return [];
  const { stdout, stderr } = held.output;
  return [
    watchForLine(stdout, process.stdout, text, found),
    watchForLine(stderr, process.stderr, text, found),
  ];
}

/** Ends a command that was started to be traced and goes on. */
export async function endCommand(held: HeldCommand): Promise<void> {
  held.kill("SIGTERM");
  if (await endsWithin(held, KILL_AFTER_MS)) return;
  held.kill("SIGKILL");
  await endsWithin(held, KILLED_WAIT_MS);
}

async function endsWithin(held: HeldCommand, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  const ended = await Promise.race([held.exited.then(() => true), late.promise]);
  clearTimeout(timer);
  return ended;
}

/** Resolves when a process that is not our child is gone, or its pid has a new owner. */
async function processEnd(pid: number): Promise<number> {
  const start = startTime(pid);
  while (start !== undefined && startTime(pid) === start) await Bun.sleep(POLL_MS);
  return 0;
}

/** Undefined for a process that is gone, or dead and not yet reaped. */
function startTime(pid: number): string | undefined {
  const stat = processStat(pid);
  return stat === undefined || stat.state === "Z" || stat.state === "X" ? undefined : stat.startTime;
}
