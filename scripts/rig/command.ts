const COMMAND_SHOWN_MAX = 200;

/** Options of `run`. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string | undefined>;
  readonly stdin?: Uint8Array;
}

/**
 * Runs a command to its end and returns its stdout.
 * Rejects with the command line and its stderr when it cannot be started or exits with another code than 0.
 */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const child = Bun.spawn([...command], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: options.env ?? process.env,
    stdin: options.stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) {
    throw new Error(
      `Command failed with code ${code}: ${shorten(command.join(" "))}\n${stderr || stdout}`.trimEnd(),
    );
  }
  return stdout;
}

function shorten(text: string): string {
  return text.length > COMMAND_SHOWN_MAX ? `${text.slice(0, COMMAND_SHOWN_MAX)} …` : text;
}
