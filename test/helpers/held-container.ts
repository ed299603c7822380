import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { errnoName } from "../../src/sys/errno.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary-folder.ts";

/** A layer of an image: a folder that is there, or the files to make in one. Paths are latin1. */
export type Layer = string | Readonly<Record<string, string | Uint8Array>>;

/** What becomes the root of a container. */
export type Root =
  /** An overlay of layers, the bottom first. `upper` is kept for later; by default it goes with the container. */
  | { readonly kind: "overlay"; readonly layers: readonly Layer[]; readonly upper?: string }
  /** A part of a file system of the host. */
  | { readonly kind: "bind"; readonly folder: string }
  /** Any other file system, or an overlay by its own options. */
  | { readonly kind: "mount"; readonly fsType: string; readonly options: readonly string[] };

/** How a container is made. */
export interface HeldContainerOptions {
  readonly root: Root;
  /** Whether the host sees the root's mount too, as it does with containerd. */
  readonly visible?: boolean;
  /** Whether it is in a user namespace of its own, where it is root and mounts its root. */
  readonly userNamespace?: boolean;
  /** The folder that relative layers start from. */
  readonly cwd?: string;
  /** The folder that the root is mounted on; by default one that goes with the container. */
  readonly mountPoint?: string;
}

/** What a container is told to do; see held-container.c. */
type Command =
  | "open"
  | "many"
  | "crowd"
  | "read"
  | "write"
  | "mkdir"
  | "rmdir"
  | "unlink"
  | "rename"
  | "link"
  | "symlink"
  | "fifo"
  | "pivot"
  | "bind"
  | "detach"
  | "hold"
  | "run"
  | "spawn"
  | "unshared"
  | "storm"
  | "calm";

/**
 * Starts a process in a mount namespace of its own, with a root of its own, that does nothing until it is told to.
 * `await using container = await heldContainer({ root: { kind: "overlay", layers: [{ "/a": "text" }] } })`.
 * Whatever ends the test ends the process, and the kernel takes its mounts away.
 */
export async function heldContainer(options: HeldContainerOptions): Promise<HeldContainer> {
  const folder = temporaryFolder();
  try {
    const { mountPoint = folder.at("root") } = options;
    mkdirSync(mountPoint, { recursive: true });
    const child = spawn([
      ...(options.userNamespace ? ["unshare", "--user", "--map-root-user", "--"] : []),
      program(),
      options.visible ? "1" : "0",
      options.cwd ?? "/",
      mountPoint,
      ...mountArguments(options.root, folder),
    ]);
    const container = new HeldContainer(child, folder, mountPoint);
    await container.begin();
    return container;
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

/** A container of heldContainer(). Commands are done one after the other. Paths are latin1. */
export class HeldContainer implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawn>;
  readonly #folder: TemporaryFolder;
  readonly #answers: AsyncIterator<string>;
  /** Where the host sees the root, if it does. */
  readonly mountPoint: string;
  #pid = 0;

  constructor(child: ReturnType<typeof spawn>, folder: TemporaryFolder, mountPoint: string) {
    this.#child = child;
    this.#folder = folder;
    this.mountPoint = mountPoint;
    this.#answers = splitAtNul(child.stdout);
  }

  /** Of the process in the container. */
  get pid(): number {
    return this.#pid;
  }

  /** The folder of the container's changes, where it was not given one. */
  get upper(): string {
    return this.#folder.at("upper");
  }

  /** The path by which anybody reaches a file of the container. */
  at(path: string): string {
    return `/proc/${this.#pid}/root${path}`;
  }

  /** Called once. Rejects when the container could not be made. */
  async begin(): Promise<void> {
    const answer = await this.#answer();
    if (answer === undefined) throw new Error("Cannot make a container: see stderr");
    this.#pid = Number(answer.slice(1));
  }

  /** Has it do something. Resolves with its answer; rejects with the name of the errno. */
  async tell(command: Command, ...words: readonly string[]): Promise<string> {
    const answer = await this.ask(command, ...words);
    if (answer.startsWith("-")) throw new Error(`${command} ${words.join(" ")}: ${answer.slice(1)}`);
    return answer.slice(1);
  }

  /** As tell(), with `+TEXT` for an answer and `-ENOENT` for an error. */
  async ask(command: Command, ...words: readonly string[]): Promise<string> {
    this.#child.stdin.write(Buffer.from(`${[command, ...words].join("\0")}\0\0`, "latin1"));
    await this.#child.stdin.flush();
    const answer = await this.#answer();
    if (answer === undefined) throw new Error(`${command} ${words.join(" ")}: the container is gone`);
    return answer.startsWith("-") ? `-${errnoName(Number(answer.slice(1)))}` : answer;
  }

  /** Ends the process, and with it the mounts. What was traced of it may be looked at later. */
  async end(): Promise<void> {
    await this.#child.stdin.end();
    await this.#child.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    this.#folder[Symbol.dispose]();
  }

  async #answer(): Promise<string | undefined> {
    const { value, done } = await this.#answers.next();
    return done ? undefined : value;
  }
}

/** A program for an image: `/bin/tool open PATH …` opens files. It is linked statically. */
export function toolProgram(): Uint8Array {
  return readFileSync(program());
}

/** Makes the files of a layer in `folder`. */
export function writeLayer(folder: string, layer: Exclude<Layer, string>): void {
  const made = new Set<string>();
  for (const [path, content] of Object.entries(layer)) {
    const at = Buffer.from(folder + path, "latin1");
    const parent = dirname(folder + path);
    if (!made.has(parent)) mkdirSync(Buffer.from(parent, "latin1"), { recursive: true });
    made.add(parent);
    writeFileSync(at, content, { mode: typeof content === "string" ? 0o644 : 0o755 });
  }
}

function mountArguments(root: Root, folder: TemporaryFolder): string[] {
  switch (root.kind) {
    case "overlay":
      return ["overlay", ...overlayOptions(root, folder)];
    case "bind":
      return ["bind", `source=${root.folder}`];
    case "mount":
      return [root.fsType, ...root.options];
  }
}

function overlayOptions({ layers, upper }: Root & { kind: "overlay" }, folder: TemporaryFolder): string[] {
  const lower = layers.map((layer, index) => {
    if (typeof layer === "string") return layer;
    mkdirSync(folder.at(`layer${index}`));
    writeLayer(folder.at(`layer${index}`), layer);
    return folder.at(`layer${index}`);
  });
  const upperdir = upper ?? folder.at("upper");
  // Overlay wants both on one file system.
  const workdir = upper === undefined ? folder.at("work") : `${upper}.work`;
  for (const path of [upperdir, workdir]) mkdirSync(path, { recursive: true });
  return [`lowerdir=${lower.reverse().join(":")}`, `upperdir=${upperdir}`, `workdir=${workdir}`];
}

function spawn(command: string[]) {
  return Bun.spawn(command, { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
}

async function* splitAtNul(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + Buffer.from(chunk).toString("latin1")).split("\0");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

/** The compiled helper, made anew when its source is younger. */
function program(): string {
  const source = join(import.meta.dir, "held-container.c");
  const target = join(import.meta.dir, "../../dist/held-container");
  if (existsSync(target) && statSync(target).mtimeMs >= statSync(source).mtimeMs) return target;
  mkdirSync(dirname(target), { recursive: true });
  const temporary = `${target}.${process.pid}`;
  const compiler = process.env["CC"] ?? "cc";
  const made = Bun.spawnSync([compiler, "-std=c11", "-O1", "-static", "-o", temporary, source]);
  if (!made.success) throw new Error(`Cannot compile ${source}: ${made.stderr}`);
  renameSync(temporary, target);
  return target;
}
