import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../scripts/rig/command.ts";
import { compareLists } from "../../scripts/rig/compare.ts";
import { fetchEngines } from "../../scripts/rig/engines.ts";
import { Images } from "../../scripts/rig/images.ts";
import type { Layer } from "../../scripts/rig/layers.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { PODMAN_VERSIONS, Podman } from "../../scripts/rig/podman.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { parseOverlayOptions } from "../../src/image/overlay.ts";
import type { Mount } from "../../src/trace/mountinfo.ts";
import { readMounts, rootOf } from "../../src/trace/process-mounts.ts";
import { applyLayers, randomLayers } from "./image-model.ts";
import { shellLayer } from "./shell-layer.ts";
import { OPEN_ALL, writtenLayers } from "./written-layers.ts";

const packages = await fetchPackages(console.error);
const engines = await fetchEngines(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const { cgroup } = currentRun();
const program = join(ROOT, "dist/optimizer");
const shell = "/bin/busybox";
const IN_USER_NAMESPACE = ["--uidmap", "0:100000:65536"];

const written = writtenLayers(packages);
/** So many that their names do not fit into the options of a mount. */
const LAYERS_MANY = 45;
const seed = Math.floor(Math.random() * 2 ** 32);
const many: readonly Layer[] = [shellLayer(packages), ...randomLayers(LAYERS_MANY - 1, seed)];

/**
 * What a workload does before it opens all: it makes files, and puts some of them in the place of the image's; it moves,
 * changes and takes away files of the image.
 */
const CHANGES = `
echo new > /t/made; : < /t/made
echo new > /made; mv /made /t/replaced; : < /t/replaced
mv /t/readded /t/renamed; : < /t/renamed
echo more >> /t/both-ways/y
rm /t/tree/b/y
`;

/** What is opened of an image that these changes are made to, with the layer of each file. */
function afterChanges(model: ReadonlyMap<string, number>): Map<string, number> {
  const opened = new Map(model);
  for (const unread of ["/t/replaced", "/t/tree/b/y"]) opened.delete(unread);
  return opened;
}

interface Report {
  readonly unfiltered: string | null;
  readonly files: readonly { path?: string; pathBase64?: string; layer: number | null }[];
}

/** A container that does nothing until it is told to. */
interface Idle {
  readonly name: string;
  readonly root: Mount;
}

describe.each([...PODMAN_VERSIONS])("layers in Podman %s", (version) => {
  let podman: Podman;
  const loaded = new Map<readonly Layer[], string>();
  let containers = 0;

  beforeAll(async () => {
    podman = await Podman.start({ packages, engines, version });
  });

  afterAll(async () => {
    await podman[Symbol.asyncDispose]();
  });

  /** The name of an image of these layers, which Podman has. */
  async function load(layers: readonly Layer[]): Promise<string> {
    const known = loaded.get(layers);
    if (known !== undefined) return known;
    const name = `localhost/image-${loaded.size}:1`;
    const config = { cmd: [shell, "sleep", "1000"], env: ["PATH=/bin"] };
    await podman.load(await images.build({ names: [name], layers, config }));
    loaded.set(layers, name);
    return name;
  }

  /** Starts a container of an image of these layers. */
  async function start(layers: readonly Layer[], flags: readonly string[] = []): Promise<Idle> {
    const image = await load(layers);
    const name = `idle-${++containers}`;
    const usual = ["--detach", "--network", "none", "--cgroup-parent", cgroup, "--name", name];
    await podman.client("run", ...usual, ...flags, image);
    const pid = Number(await podman.client("inspect", "--format", "{{.State.Pid}}", name));
    const root = rootOf(pid);
    // Podman would mount by FUSE, or copy all layers into one folder, where it cannot have the kernel's overlay.
    expect(root.fsType).toBe("overlay");
    return { name, root };
  }

  /** Traces a container while it runs shell words. `prefix` starts the program. */
  async function trace({ name }: Idle, words: string, prefix: readonly string[] = []): Promise<Report> {
    const output = join(mkdtempSync(join(currentRun().folder, "trace-")), "report");
    const child = Bun.spawn([...prefix, program, "trace", name, "--json", "--output", output], {
      stdio: ["ignore", Bun.file(`${output}.stdout`), Bun.file(`${output}.stderr`)],
    });
    await waitFor(async () => child.exitCode !== null || (await isMarking(child.pid)), {
      what: "the mark to be set",
      explain: () => readFileSync(`${output}.stderr`, "utf8"),
    });
    await podman.client("exec", name, "/bin/sh", "-e", "-c", words);
    child.kill("SIGINT");
    await child.exited;
    return JSON.parse(readFileSync(output, "utf8"));
  }

  /** The files of the image with their layers are told to be these, and nothing else is. */
  function expectListed({ files, unfiltered }: Report, expected: ReadonlyMap<string, number>): void {
    const listed = files.map(({ path, pathBase64, layer }) => {
      const bytes = pathBase64 === undefined ? Buffer.from(path ?? "") : Buffer.from(pathBase64, "base64");
      return [bytes.toString("latin1"), layer] as const;
    });
    expect(unfiltered).toBeNull();
    const paths = listed.map(([path]) => path);
    expect(compareLists(paths, [...expected.keys()])).toMatchObject({
      precision: 1,
      recall: 1,
      missing: [],
      surplus: [],
    });
    expect(new Map(listed)).toEqual(new Map(expected));
  }

  test("only files of the image are listed, each with its layer, whatever the workload does", async () => {
    const idle = await start(written);
    expect(lowerOf(idle)[0]).toMatch(/^\/.*\/overlay\/l\/[A-Z0-9]{26}$/);
    expectListed(await trace(idle, CHANGES + OPEN_ALL), afterChanges(applyLayers(written)));
  });

  test("in a user namespace, where the mount of the layers with other owners is gone", async () => {
    const idle = await start(written, IN_USER_NAMESPACE);
    expect(lowerOf(idle)[0]).toMatch(/\/mapped\/0\/l\/[A-Z0-9]{26}$/);
    expectListed(await trace(idle, CHANGES + OPEN_ALL), afterChanges(applyLayers(written)));
  });

  describe(`of which there are many, made at random (seed ${seed})`, () => {
    const model = applyLayers(many);

    test("whose names are relative in 4, and descriptors in 5", async () => {
      const idle = await start(many);
      expect(lowerOf(idle)[0]).toMatch(version === "4" ? /^l\/[A-Z0-9]{26}$/ : /^\d+$/);
      expect(lowerOf(idle)).toHaveLength(many.length);
      expectListed(await trace(idle, OPEN_ALL), model);
    });

    test("seen from where the host's mounts are hidden, as in a pod", async () => {
      const idle = await start(many);
      const hidden = readMounts("self").filter(({ device }) => device === idle.root.device);
      expect(hidden).toHaveLength(1);
      const script = 'umount --lazy "$0" && exec "$@"';
      const prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script];
      expectListed(await trace(idle, OPEN_ALL, [...prefix, hidden[0]?.mountPoint ?? ""]), model);
    });

    // Podman 4 cannot start one: it does not map the owners of so many layers.
    if (version !== "4") {
      test("in a user namespace", async () => {
        expectListed(await trace(await start(many, IN_USER_NAMESPACE), OPEN_ALL), model);
      });
    }
  });
});

function lowerOf({ root }: Idle): readonly string[] {
  return parseOverlayOptions(root.superOptions).lower;
}

/** Whether a process watches a mount or a file system with fanotify (proc_pid_fdinfo(5)). */
async function isMarking(pid: number): Promise<boolean> {
  const text = await run(["sh", "-c", `cat /proc/${pid}/fdinfo/* 2>/dev/null || true`]);
  return /^fanotify (?:mnt_id|sdev):/m.test(text);
}
