import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { CONTAINERD_VERSIONS, type ContainerdVersion } from "../../scripts/rig/containerd.ts";
import { Host, type ResultRecord } from "../../scripts/rig/host.ts";
import { Images } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import type { Counts } from "../../src/formats/provenance.ts";
import { errnoName } from "../../src/sys/errno.ts";
import { type HeldContainer, heldContainer, type Root } from "../helpers/held-container.ts";
import { fakeContainer } from "../helpers/nri-messages.ts";
import { preLaunch } from "../helpers/program.ts";
import { MEMORY, type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import {
  linesOf,
  listedPaths,
  makeWays,
  reportOf,
  unpackLayer,
  WAYS_PROGRAM,
  type Way,
} from "../helpers/ways.ts";

const packages = await fetchPackages(console.error);
const scratch = join(currentRun().folder, "ways");
const { ways, layer } = await makeWays(scratch);
const NAME = "ways:1";
const IMAGE = `docker.io/library/${NAME}`;

/** What came of some ways in one container. */
interface Outcome {
  /** Of each way that was tried; 0 when it was done. */
  readonly errnos: ReadonlyMap<string, number>;
  readonly list: readonly string[];
  readonly record: ResultRecord & { readonly counts: Counts };
}

/** A kind of container to open files in. */
interface Place {
  readonly name: string;
  /** Ways that cannot be gone here: the errno, and the reason. */
  readonly barred?: Readonly<Record<string, readonly [errno: string, why: string]>>;
  /** What is listed of a way where it is not what the table says, and the reason. */
  readonly differs?: Readonly<Record<string, readonly [listed: readonly string[], why: string]>>;
  /** Goes these ways, and ends the container when the files of `awaited` are listed. */
  run(chosen: readonly Way[], awaited: readonly Way[]): Promise<Outcome>;
}

function inContainerd(version: ContainerdVersion): Place {
  return {
    name: `containerd ${version}`,
    barred: { handle: noHandles },
    async run(chosen, awaited) {
      await using host = await Host.start({ version, launch: "external", packages });
      const images = new Images(scratch, packages);
      const { id: image } = await host.containerd.importImage(
        await images.build({ names: [IMAGE], layers: [layer] }),
      );
      const volume = mkdtempSync(join(scratch, "volume-"));
      writeFileSync(join(volume, "file"), "x");
      await using container = await host.containerd.runContainer({
        image,
        command: stayCommand(chosen),
        mounts: [{ hostPath: volume, containerPath: "/volume", readonly: true }],
        // For mounts, and for file handles. There is no seccomp profile: none is asked for.
        securityContext: { capabilities: { addCapabilities: ["SYS_ADMIN", "DAC_READ_SEARCH"] } },
      });
      const errnos = await reportOf(`/proc/${container.pid}/root`);
      if (chosen.some(isFromOutside)) {
        errnos.set("exec", (await container.exec(WAYS_PROGRAM, "exec")).exitCode);
      }
      const list = () => (host.exists(NAME) ? host.list(NAME) : []);
      await untilListed(awaited, list);
      await container.stop();
      await host.ended(NAME, container.id);
      return { errnos, list: list(), record: host.record(NAME) as Outcome["record"] };
    },
  };
}

/** A process that holds a root of its own, and the program as a plugin of a fake runtime. */
async function runHeld(
  [chosen, awaited]: Parameters<Place["run"]>,
  toRoot: (folder: TemporaryFolder) => Root,
  fill?: (container: HeldContainer, folder: TemporaryFolder) => Promise<void>,
): Promise<Outcome> {
  using folder = temporaryFolder();
  mkdirSync(folder.at("layer"));
  await unpackLayer(layer, folder, folder.at("layer"));
  await using container = await heldContainer({ root: toRoot(folder) });
  await fill?.(container, folder);
  await using plugin = await preLaunch({ program: "built" });
  await plugin.runtime.handshake(`persist_dir = ${JSON.stringify(folder.path)}\n`);
  const annotations = { "io.kubernetes.cri.image-name": IMAGE };
  const its = fakeContainer("ways", { pid: container.pid, annotations });
  await plugin.runtime.event("StartContainer", its);
  await container.tell("spawn", ...stayCommand(chosen));
  const errnos = await reportOf(container.at(""));
  if (chosen.some(isFromOutside)) {
    const words = ["-t", `${container.pid}`, "--mount", "--root", WAYS_PROGRAM, "exec"];
    errnos.set("exec", await Bun.spawn(["nsenter", ...words]).exited);
  }
  const read = (name: string) => readFileSync(folder.at(name), "latin1");
  const list = () => (existsSync(folder.at(NAME)) ? read(NAME).split("\n").slice(0, -1) : []);
  await untilListed(awaited, list);
  await container.end();
  await plugin.runtime.event("StopContainer", its);
  return { errnos, list: list(), record: JSON.parse(read(`${NAME}.json`)) as Outcome["record"] };
}

/** Done by a process that joins the container, as `runc exec` does it. */
const isFromOutside = ({ name }: Way) => name === "exec";

function stayCommand(chosen: readonly Way[]): string[] {
  return [WAYS_PROGRAM, "stay", ...chosen.filter((way) => !isFromOutside(way)).map(({ name }) => name)];
}

async function untilListed(awaited: readonly Way[], list: () => readonly string[]): Promise<void> {
  for (const way of awaited) {
    await waitFor(() => linesOf(way, list()).length > 0, {
      what: `the file of ${way.name} to be listed`,
      explain: () => list().join("\n"),
    });
  }
}

const noVolume = ["ENOENT", "there are no volumes without a runtime"] as const;
const noMemory = ["ENOENT", "nobody has mounted /dev/shm"] as const;
const noHandles = ["EOPNOTSUPP", "overlay has no file handles without nfs_export"] as const;

/** Files of an overlay have handles when it keeps an index. */
const overlayWithHandles: Place = {
  name: "an overlay with file handles",
  barred: { volume: noVolume, memory: noMemory },
  run: (...chosen) =>
    runHeld(chosen, (folder) => {
      for (const name of ["upper", "work"]) mkdirSync(folder.at(name));
      const options = [
        `lowerdir=${folder.at("layer")}`,
        `upperdir=${folder.at("upper")}`,
        `workdir=${folder.at("work")}`,
        "index=on",
        "nfs_export=on",
      ];
      return { kind: "mount", fsType: "overlay", options };
    }),
};

/** Where st_dev of a file is not the overlay's own. */
const overlayOfTwo: Place = {
  name: "an overlay of two file systems",
  barred: { volume: noVolume, memory: noMemory, handle: noHandles },
  async run(...chosen) {
    using memory = temporaryFolder(MEMORY);
    return await runHeld(chosen, (folder) => ({
      kind: "overlay",
      layers: [folder.at("layer")],
      upper: memory.at("upper"),
    }));
  },
};

const oneMount = "a mark of one mount does not see opens through another";

const tmpfs: Place = {
  name: "a tmpfs",
  barred: { volume: noVolume, memory: noMemory },
  differs: {
    namespace: [[], oneMount],
    unshared: [[], oneMount],
    bind: [[], oneMount],
    made: [["/ways/made/made"], "without layers nothing tells files of the image from others"],
  },
  run: (...chosen) =>
    runHeld(
      chosen,
      () => ({ kind: "mount", fsType: "tmpfs", options: [] }),
      (container, folder) => unpackLayer(layer, folder, container.at("/")),
    ),
};

const overlays = [...CONTAINERD_VERSIONS.map(inContainerd), overlayWithHandles, overlayOfTwo];
const placeable = ways.filter(({ name, placeless }) => !placeless && !isDoubtful(name));

describe.each([...overlays, tmpfs].map((place) => [place.name, place] as const))("in %s", (_, place) => {
  const barred = { ...place.barred, ...forbiddenRings() };
  const differs = place.differs ?? {};
  const listed = (way: Way): readonly string[] => {
    if (barred[way.name] !== undefined) return [];
    return differs[way.name]?.[0] ?? listedPaths(way);
  };
  let outcome: Outcome;

  beforeAll(async () => {
    // A process with mounts of its own has to live until its file was looked for in them.
    const awaited = placeable.filter((way) => way.name === "namespace" && listed(way).length > 0);
    outcome = await place.run(placeable, awaited);
  });

  test.each(placeable.map((way) => [way.name, way] as const))("%s", (name, way) => {
    const [errno, why] = barred[name] ?? ["errno 0", differs[name]?.[1]];
    if (why !== undefined) console.error(`${name} in ${place.name}: ${why} (${errno})`);
    expect(errnoName(outcome.errnos.get(name) ?? -1)).toBe(errno);
    expect(linesOf(way, outcome.list)).toEqual([...listed(way)]);
  });

  test("nothing else, all in order, and nothing is missing", () => {
    const { list, record } = outcome;
    expect(list).toEqual([WAYS_PROGRAM, ...placeable.flatMap(listed)]);
    expect(record).toMatchObject({
      complete: true,
      trouble: [],
      counts: { listed: list.length, deleted: 1 },
    });
    // What was made is opened twice, and seen twice unless it is ignored by then.
    expect(record.counts.runtime).toBeWithin(0, 3);
    // A pipe and a device. Newer kernels do not tell of them.
    expect([0, 2]).toContain(record.counts.notRegular);
  });
});

describe.each(overlays.map((place) => [place.name, place] as const))("in %s", (_, place) => {
  test("files whose path nobody can tell make the list incomplete", async () => {
    const { errnos, list, record } = await place.run(
      ways.filter(({ placeless }) => placeless),
      [],
    );
    expect([...errnos].toSorted()).toEqual([
      ["bound", 0],
      ["detached", 0],
    ]);
    expect(list).toEqual([WAYS_PROGRAM]);
    expect(record).toMatchObject({
      complete: false,
      trouble: ["a file was opened whose path cannot be told"],
      counts: { lost: 2, runtime: 0 },
    });
  });
});

/** Up to Linux 6.10 the kernel tells of descriptors that stand for a name only, unless it was taught better. */
function isDoubtful(name: string): boolean {
  const [major = 0, minor = 0] = release().split(".").map(Number);
  if (name !== "opath" || major > 6 || (major === 6 && minor > 10)) return false;
  console.error(`${name} is left out: what this kernel does, ${release()}, cannot be told beforehand`);
  return true;
}

/** Where the host forbids io_uring. */
function forbiddenRings(): NonNullable<Place["barred"]> {
  const path = "/proc/sys/kernel/io_uring_disabled";
  const setting = existsSync(path) ? readFileSync(path, "utf8").trim() : "0";
  return setting === "0" ? {} : { uring: ["EPERM", `kernel.io_uring_disabled is ${setting}`] };
}
