import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { HostOptions } from "../../src/find/host.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";

export interface FakeProcess {
  readonly pid: number;
  readonly words?: readonly string[];
  readonly parent?: number;
  /** Its number in each pid namespace; its pid alone by default. */
  readonly pids?: readonly number[];
  readonly state?: string;
  /** In the fake host's files. */
  readonly cwd?: string;
  readonly cgroup?: string;
  readonly startTicks?: number;
}

/** A folder that plays a host: its files, and a /proc with the processes that it is told of. */
export class FakeHost implements Disposable {
  readonly options: Required<HostOptions>;
  readonly #folder: TemporaryFolder = temporaryFolder();

  constructor() {
    this.options = { proc: this.#folder.at("proc"), root: this.#folder.at("root") };
    mkdirSync(this.options.proc);
    mkdirSync(this.options.root);
  }

  /** Where a path of the fake host really is. */
  at(path: string): string {
    return this.options.root + path;
  }

  file(path: string, content: string | Uint8Array): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), content);
  }

  json(path: string, value: unknown): void {
    this.file(path, JSON.stringify(value));
  }

  link(path: string, target: string): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    symlinkSync(target, this.at(path));
  }

  process({ pid, words = [], parent = 1, pids = [pid], state = "S", ...more }: FakeProcess): void {
    const folder = `${this.options.proc}/${pid}`;
    mkdirSync(folder);
    symlinkSync(this.options.root, `${folder}/root`);
    if (more.cwd !== undefined) symlinkSync(this.at(more.cwd), `${folder}/cwd`);
    writeFileSync(`${folder}/cmdline`, words.map((word) => `${word}\0`).join(""));
    const status = [`Name:\tx`, `State:\t${state} (x)`, `PPid:\t${parent}`, `NSpid:\t${pids.join("\t")}`, ""];
    writeFileSync(`${folder}/status`, status.join("\n"));
    const fields = Array.from({ length: 50 }, (_, index) => (index === 19 ? (more.startTicks ?? pid) : 0));
    writeFileSync(`${folder}/stat`, `${pid} (a) b) ${fields.join(" ")}\n`);
    writeFileSync(`${folder}/cgroup`, more.cgroup ?? "0::/\n");
  }

  /** Lets a process become another program. */
  exec(pid: number, words: readonly string[]): void {
    writeFileSync(`${this.options.proc}/${pid}/cmdline`, words.map((word) => `${word}\0`).join(""));
  }

  /** A shim that works in the bundle of `id`. */
  shim(pid: number, namespace: string, id: string, state = "/run/containerd"): void {
    this.process({
      pid,
      words: ["/usr/bin/containerd-shim-runc-v2", "-namespace", namespace, "-id", id, "-address", "/a.sock"],
      cwd: `${state}/io.containerd.runtime.v2.task/${namespace}/${id}`,
    });
  }

  /** A bundle of containerd, with a process of its own below the shim when it has a pid. */
  bundle(namespace: string, id: string, spec: BundleSpec, state = "/run/containerd"): void {
    const folder = `${state}/io.containerd.runtime.v2.task/${namespace}/${id}`;
    const { annotations = {}, rootPath = "rootfs", pid } = spec;
    this.json(`${folder}/config.json`, { ociVersion: "1.1.0", root: { path: rootPath }, annotations });
    if (pid !== undefined) this.file(`${folder}/init.pid`, `${pid}`);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

export interface BundleSpec {
  readonly annotations?: Readonly<Record<string, unknown>>;
  readonly rootPath?: string;
  readonly pid?: number;
}

/** An id of 64 digits that begins with `start`. */
export function hexId(start: string): string {
  return start.padEnd(64, "0");
}

/** The annotations of a container that the CRI plugin made. */
export function criAnnotations(pod: string, name: string, image = "docker.io/library/nginx:1.25") {
  return {
    "io.kubernetes.cri.container-type": "container",
    "io.kubernetes.cri.container-name": name,
    "io.kubernetes.cri.image-name": image,
    "io.kubernetes.cri.sandbox-name": pod,
    "io.kubernetes.cri.sandbox-namespace": "default",
  };
}

/** Docker's record of a container. */
export function dockerRecord(id: string, name: string) {
  return { ID: id, Name: `/${name}`, Image: "sha256:1", Config: { Image: "nginx:1.25" } };
}
