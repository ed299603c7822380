import { start } from "./children.ts";
import { LineReader } from "./line-reader.ts";
import { remove, type Scratch } from "./scratch.ts";

/** What is measured: one of the C programs that wait in a container of their own until they are told to go. */
export interface Program {
  /** `folder` is a new one, for what the container writes. */
  command(folder: string): readonly string[];
  /** How many times it prints. */
  readonly passes: number;
  /** The layers of its root, the topmost first. */
  readonly layers: readonly string[];
}

/** What one pass of a program took. */
export interface Pass {
  readonly ms: number;
  /** CPU time of the program. Others that use the machine change it less. */
  readonly cpuMs: number;
}

/** A program in its container. */
export interface Held extends AsyncDisposable {
  readonly pid: number;
  /** Lets it go. Resolves when it has done all; its root stays until it is disposed of. */
  go(): Promise<Pass[]>;
}

/** Starts a program, under another one where `wrapper` says so, and waits until it waits. */
export async function hold(
  { command, passes }: Program,
  scratch: Scratch,
  wrapper: readonly string[] = [],
): Promise<Held> {
  const folder = scratch.make("container");
  const child = start([...wrapper, ...command(folder)], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  const lines = new LineReader(child.stdout);
  await lines.next();
  return {
    pid: child.pid,
    async go() {
      child.stdin.write("g");
      child.stdin.flush();
      const done: Pass[] = [];
      while (done.length < passes) done.push(parsePass(await lines.next()));
      return done;
    },
    async [Symbol.asyncDispose]() {
      await child.stdin.end();
      await child.exited;
      remove(folder);
    },
  };
}

function parsePass(line: string): Pass {
  const [us = Number.NaN, cpuUs = Number.NaN] = line.split(" ").map(Number);
  return { ms: us / 1000, cpuMs: cpuUs / 1000 };
}
