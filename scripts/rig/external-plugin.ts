import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Containerd } from "./containerd.ts";
import { ROOT } from "./paths.ts";
import { waitFor } from "./wait.ts";

/** The built program beside a containerd, connected to its NRI socket. */
export class ExternalPlugin implements AsyncDisposable {
  readonly #child: Bun.Subprocess;
  readonly #logPath: string;

  private constructor(child: Bun.Subprocess, logPath: string) {
    this.#child = child;
    this.#logPath = logPath;
  }

  /** Resolves once containerd has configured it. `folder`, made if it is missing, gets its configuration and its log. */
  static async start({ paths }: Containerd, folder: string, config: string): Promise<ExternalPlugin> {
    mkdirSync(folder, { recursive: true });
    const configPath = join(folder, "plugin.conf");
    const logPath = join(folder, "plugin.log");
    writeFileSync(configPath, config);
    const child = Bun.spawn(
      [join(ROOT, "dist/optimizer"), "plugin", "--config", configPath, "--socket-path", paths.nriSocket],
      { stdio: ["ignore", "ignore", Bun.file(logPath)] },
    );
    const plugin = new ExternalPlugin(child, logPath);
    await waitFor(() => plugin.timesConfigured() > 0, {
      what: "the external plugin to be configured",
      explain: () => plugin.log(),
    });
    return plugin;
  }

  get pid(): number {
    return this.#child.pid;
  }

  log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, "utf8") : "";
  }

  /** How often a containerd has taken it on. */
  timesConfigured(): number {
    return this.log().match(/ configured by containerd /g)?.length ?? 0;
  }

  /** Ends it with SIGTERM, all results complete, or with SIGKILL. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    this.#child.kill(signal);
    await this.#child.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
