import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";
import { Containerd, type ContainerdVersion } from "./containerd.ts";
import { ExternalPlugin } from "./external-plugin.ts";
import type { Packages } from "./packages.ts";
import { ROOT } from "./paths.ts";
import { childrenOf } from "./processes.ts";
import { currentRun } from "./sandbox.ts";
import { waitFor } from "./wait.ts";

/** How the plugin gets to its runtime. */
export const LAUNCHES = ["pre-launched", "external"] as const;
export type Launch = (typeof LAUNCHES)[number];

export interface HostOptions {
  readonly version: ContainerdVersion;
  readonly launch: Launch;
  readonly packages: Packages;
  /** Lines of the configuration besides persist_dir. */
  readonly config?: string;
}

/** The json file beside a list, as far as the tests look at it. */
export interface ResultRecord {
  readonly complete: boolean;
  readonly state: string;
  readonly reason?: string;
  readonly trouble: readonly string[];
  readonly ended: string | null;
  readonly image: { readonly reference: string; readonly name?: string; readonly digest?: string };
  readonly container: { readonly id: string };
  readonly filter: { readonly kind: string; readonly why?: string };
  readonly counts: {
    readonly listed: number;
    readonly unlistable: number;
    readonly runtime: number;
    readonly deleted: number;
    readonly events: number;
  };
  readonly layerCount: number | null;
  readonly layers: readonly number[];
  /** Of a list that was merged. */
  readonly merged?: { readonly runs: number; readonly hits: readonly number[] };
}

/** A containerd with the plugin in it: installed by `make install-optimizer`, or beside it and connected. */
export class Host implements AsyncDisposable {
  readonly containerd: Containerd;
  /** `persist_dir` */
  readonly results: string;
  readonly #external: ExternalPlugin | undefined;

  private constructor(containerd: Containerd, results: string, external: ExternalPlugin | undefined) {
    this.containerd = containerd;
    this.results = results;
    this.#external = external;
  }

  static async start({ version, launch, packages, config = "" }: HostOptions): Promise<Host> {
    const folder = mkdtempSync(join(currentRun().folder, "host-"));
    const results = join(folder, "results");
    const text = `persist_dir = ${JSON.stringify(results)}\n${config}`;
    if (launch === "external") {
      const containerd = await Containerd.start({ version, packages, nri: {} });
      return new Host(containerd, results, await ExternalPlugin.start(containerd, folder, text));
    }
    const pluginConfigPath = join(folder, "etc/nri/conf.d");
    mkdirSync(pluginConfigPath, { recursive: true });
    writeFileSync(join(pluginConfigPath, "02-optimizer-nri-plugin.conf"), text);
    await run(["make", "-s", "install-optimizer", `DESTDIR=${folder}`], { cwd: ROOT });
    const pluginPath = join(folder, "opt/nri/plugins");
    return new Host(
      await Containerd.start({ version, packages, nri: { pluginPath, pluginConfigPath } }),
      results,
      undefined,
    );
  }

  /** The plugin's own pid. */
  pluginPid(): number {
    if (this.#external !== undefined) return this.#external.pid;
    const [pid] = childrenOf(this.containerd.pid).filter((child) =>
      processName(child).startsWith("02-optimizer"),
    );
    if (pid === undefined) throw new Error("The plugin does not run: it is no child of containerd");
    return pid;
  }

  /** What the plugin has logged; only an external one has a stderr. */
  log(): string {
    return this.#external?.log() ?? "";
  }

  /** Lines of a list, as latin1. Throws when there is none. */
  list(name: string): string[] {
    const text = readFileSync(join(this.results, name), "latin1");
    if (!text.endsWith("\n")) throw new Error(`The list ${name} ends inside of a line: ${text.slice(-80)}`);
    return text.slice(0, -1).split("\n");
  }

  csv(name: string): string {
    return readFileSync(join(this.results, `${name}.csv`), "latin1");
  }

  record(name: string): ResultRecord {
    return JSON.parse(readFileSync(join(this.results, `${name}.json`), "utf8")) as ResultRecord;
  }

  exists(name: string): boolean {
    return existsSync(join(this.results, name));
  }

  /** Waits until the trace of a container has ended, and returns its record. */
  ended(name: string, containerId: string): Promise<ResultRecord> {
    return waitFor(
      () => {
        const record = this.exists(name) ? this.record(name) : undefined;
        return record?.container.id === containerId && record.state === "ended" ? record : undefined;
      },
      {
        what: `the result ${name} of container ${containerId} to be complete`,
        explain: () => `${this.log()}\n${this.containerd.logTail()}`,
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#external?.stop();
    await this.containerd[Symbol.asyncDispose]();
  }
}

function processName(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, "utf8");
}
