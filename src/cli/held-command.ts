import { openStream } from "../sys/stream.ts";

/** A command in a mount namespace of its own that waits for its first instruction. */
export interface HeldCommand {
  readonly pid: number;
  /** Lets it run: the next thing the process does is to execute the command. */
  release(): void;
  /** Its exit code; 128 + N when signal N ended it, as shells tell it. */
  readonly exited: Promise<number>;
}

/** Descriptor 3 is one end of a socket pair: a byte says "I am here", a line is the word to go on. */
const HOLD = 'printf . >&3; read -r go <&3 || exit 125; exec 3<&-; exec "$@"';

/** Starts a command and holds it. Its standard streams are ours. Rejects when it cannot be started. */
export async function holdCommand(command: readonly string[]): Promise<HeldCommand> {
  const child = Bun.spawn(["unshare", "--mount", "--", "/bin/sh", "-c", HOLD, "sh", ...command], {
    stdio: ["inherit", "inherit", "inherit", "pipe"],
  });
  const ready = Promise.withResolvers<boolean>();
  const stream = await openStream(
    { fd: child.stdio[3] as number },
    { data: () => ready.resolve(true), end: () => ready.resolve(false) },
  );
  if (!(await ready.promise)) {
    throw new Error(
      `Cannot start a command in a mount namespace of its own: unshare exited with ${await child.exited}`,
    );
  }
  return {
    pid: child.pid,
    release: () => stream.write(Buffer.from("go\n")),
    exited: child.exited.finally(() => stream.close()),
  };
}
