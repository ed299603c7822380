import { join } from "node:path";
import type { FakeConnection } from "./fake-connection.ts";
import { FakeRuntime } from "./fake-runtime.ts";

const main = join(import.meta.dir, "../../src/main.ts");
const dist = join(import.meta.dir, "../../dist");

/**
 * What is started: the source, in this Bun; the one executable that `make optimizer` builds; or the one whose system
 * calls fail as OPT_INJECT says.
 */
export type Program = "source" | "built" | "injected";

const executables = { built: join(dist, "optimizer"), injected: join(dist, "optimizer-inject") } as const;

/** Starts what follows as root, but without the right to trace. */
export const powerless = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--"];

/** Starts what follows where a file system in memory lies over `path`: `mounting("/lists", "size=64k")`. */
export function mounting(path: string, options: string): string[] {
  const script = 'mount -t tmpfs -o "$1" tmpfs "$0" && shift && exec "$@"';
  return ["unshare", "--mount", "/bin/sh", "-c", script, path, options];
}

/** Starts what follows with limits as ulimit(1) takes them, one after the other: `limitedTo("-Sn 1024")`. */
export function limitedTo(...limits: readonly string[]): string[] {
  return ["/bin/sh", "-c", `${limits.map((limit) => `ulimit ${limit} && `).join("")}exec "$@"`, "sh"];
}

/** How the program ended, and what it said. */
export interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** The command line of the program, run from its source by default. `before` is what starts it, such as setpriv. */
export function commandLine(
  words: readonly string[],
  before: readonly string[] = [],
  program: Program = "source",
): string[] {
  return [...before, ...(program === "source" ? [process.execPath, main] : [executables[program]]), ...words];
}

/** Runs the program to its end: `runProgram("trace", "--", "true")`. */
export async function runProgram(...words: readonly string[]): Promise<Ended> {
  return runToEnd(commandLine(words));
}

/** Runs a command to its end, with no input. */
export async function runToEnd(command: string[], env: Record<string, string> = {}): Promise<Ended> {
  await using child = Bun.spawn(command, {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

/** The program as a plugin, with the runtime's side of its connection. It is killed with the test. */
export interface RunningPlugin extends AsyncDisposable {
  readonly runtime: FakeConnection;
  readonly pid: number;
  readonly exited: Promise<number>;
  kill(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): void;
  /** What it logged, once it has ended; empty when its stderr is /dev/null. */
  log(): Promise<string[]>;
}

/**
 * Starts the program as runtimes start plugins: three variables of environment, the connection at descriptor 3,
 * the standard streams on /dev/null, except stderr if its log is wanted.
 */
export async function preLaunch({
  stderr = "pipe",
  before = [],
  program = "source",
  inject,
}: {
  /** A descriptor stays the caller's. */
  readonly stderr?: "pipe" | "ignore" | number;
  readonly before?: readonly string[];
  readonly program?: Program;
  /** Of the program "injected", see native/inject.h. */
  readonly inject?: string;
} = {}): Promise<RunningPlugin> {
  const child = Bun.spawn(commandLine([], before, program), {
    env: {
      NRI_PLUGIN_NAME: "optimizer",
      NRI_PLUGIN_IDX: "02",
      NRI_PLUGIN_SOCKET: "3",
      ...(inject && { OPT_INJECT: inject }),
    },
    stdio: ["ignore", "ignore", stderr, "pipe"],
  });
  const runtime = await FakeRuntime.adopt(child.stdio[3] as number);
  return running(child, runtime);
}

/** Starts the program as an external plugin of a fake runtime. */
export function connect(runtime: FakeRuntime, ...words: readonly string[]): Promise<RunningPlugin> {
  return connectFrom([], runtime, ...words);
}

/** The same where `before` starts it, such as unshare; `pid` is that of what does. */
export async function connectFrom(
  before: readonly string[],
  runtime: FakeRuntime,
  ...words: readonly string[]
): Promise<RunningPlugin> {
  const own = ["plugin", "--socket-path", runtime.path, "--config", "/dev/null", ...words];
  const child = Bun.spawn(commandLine(own, before), {
    env: { PATH: process.env["PATH"] ?? "" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  return running(child, await runtime.accept());
}

function running(child: Bun.Subprocess, runtime: FakeConnection): RunningPlugin {
  const { stderr } = child;
  const text = stderr instanceof ReadableStream ? new Response(stderr).text() : Promise.resolve("");
  return {
    runtime,
    pid: child.pid,
    exited: child.exited,
    kill: (signal) => child.kill(signal),
    log: async () => (await text).split("\n").filter((line) => line !== ""),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      runtime.close();
    },
  };
}
