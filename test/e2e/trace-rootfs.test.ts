import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../scripts/rig/command.ts";
import { compareLists } from "../../scripts/rig/compare.ts";
import { Containerd } from "../../scripts/rig/containerd.ts";
import { observeWorkload, TAU_MIN } from "../../scripts/rig/fidelity.ts";
import { Images } from "../../scripts/rig/images.ts";
import { folderLayer, type LayerEntry } from "../../scripts/rig/layers.ts";
import type { Image } from "../../scripts/rig/oci.ts";
import { fetchPackages, fetchZooPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { childrenOf } from "../../scripts/rig/processes.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { Snapshot } from "../../scripts/rig/snapshot.ts";
import { straceOpens } from "../../scripts/rig/strace.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { makeWorkload, readiness, type Workload } from "../../scripts/rig/zoo.ts";

const packages = await fetchPackages(console.error);
const zooPackages = await fetchZooPackages(console.error);
const folder = join(currentRun().folder, "images");
const images = new Images(folder, packages);
const program = join(ROOT, "dist/optimizer");

/** Variables of a host that have programs open files which they open in no container. */
const HOST_VARIABLES = {
  LANG: "C.UTF-8",
  LANGUAGE: "de",
  NODE_EXTRA_CA_CERTS: "/etc/debian_version",
  NODE_OPTIONS: "--require /zoo/package.json",
  PYTHONPATH: "/zoo",
  PERL5OPT: "-MJSON::PP",
  BASH_ENV: "/etc/debian_version",
  TERM: "xterm",
  PATH: "/root/.cargo/bin:/usr/bin:/bin",
};

interface Report {
  readonly complete: boolean;
  readonly unfiltered: string | null;
  readonly replacedListed: string | null;
  readonly counts: { readonly runtime: number };
  readonly files: readonly { readonly path: string }[];
}

interface Traced {
  readonly report: Report;
  readonly paths: readonly string[];
}

/** Runs a workload's command in an unpacked image under `optimizer trace`, from a host with variables of its own. */
async function traceRootfs(rootfs: string, { image, ...workload }: Workload): Promise<Traced> {
  const { entrypoint = [], cmd = [], env = [], stopSignal = "SIGTERM" } = image.config;
  const output = join(mkdtempSync(join(currentRun().folder, "trace-")), "report");
  const words = ["--rootfs", rootfs, ...env.flatMap((each) => ["--env", each]), "--json", "-o", output];
  const child = Bun.spawn([program, "trace", ...words, "--", ...entrypoint, ...cmd], {
    env: HOST_VARIABLES,
    stdio: ["ignore", Bun.file(`${output}.stdout`), Bun.file(`${output}.stderr`)],
  });
  const isReady = readiness({ image, ...workload });
  if (isReady !== undefined) {
    await waitFor(() => childrenOf(child.pid).some((pid) => isReady(`/proc/${pid}/root`)), {
      what: `${workload.name} to be ready`,
      explain: () => readFileSync(`${output}.stderr`, "utf8"),
    });
    child.kill(stopSignal as NodeJS.Signals);
  }
  const exitCode = await child.exited;
  expect({ exitCode, stderr: readFileSync(`${output}.stderr`, "utf8") }).toMatchObject({ exitCode: 0 });
  const report = JSON.parse(readFileSync(output, "utf8")) as Report;
  return { report, paths: report.files.map(({ path }) => path) };
}

describe("optimizer trace --rootfs of an unpacked image", () => {
  let containerd: Containerd;

  beforeAll(async () => {
    containerd = await Containerd.start({ version: "2.1", packages });
  });

  afterAll(async () => {
    await containerd[Symbol.asyncDispose]();
  });

  /** Unpacks an image into a folder, as it would be copied out of a registry. */
  async function unpack(image: Image): Promise<string> {
    await containerd.importImage(image);
    await using snapshot = await Snapshot.mount(containerd, image);
    const rootfs = mkdtempSync(join(currentRun().folder, "rootfs-"));
    await run(["cp", "-a", `${snapshot.folder}/.`, rootfs]);
    return rootfs;
  }

  test.each(["nginx", "python", "node"] as const)("lists what strace sees: %s", async (name) => {
    const workload = await makeWorkload(name, { images, packages, zooPackages, folder });
    const rootfs = await unpack(workload.image);
    const oracle = await observeWorkload(containerd, workload);
    const { report, paths } = await traceRootfs(rootfs, workload);
    expect(report).toMatchObject({ complete: true, unfiltered: null, replacedListed: null });
    const agreement = compareLists(paths, oracle);
    expect(agreement).toMatchObject({ missing: [], surplus: [] });
    expect(agreement.tau).toBeGreaterThanOrEqual(TAU_MIN[workload.processes]);
  });

  test("lists what strace sees: a server whose database, of the image, has files that it replaces", async () => {
    const postgres = await makeWorkload("postgres", { images, packages, zooPackages, folder });
    const made = await unpack(postgres.image);
    const chroot =
      'mount --bind /dev "$0/dev"; mount -t proc proc "$0/proc"; exec chroot "$0" /bin/sh -c "$1"';
    await run(["mkdir", "-p", `${made}/dev`, `${made}/proc`, `${made}${DATABASE}`]);
    await run(["chown", "www-data:www-data", `${made}${DATABASE}`]);
    const once = [`${AS_USER} initdb --auth=trust --username=zoo --locale=C.UTF-8`, START, ASK, STOP].join(
      " && ",
    );
    await run(["unshare", "--mount", "sh", "-ec", chroot, made, once]);
    const image = await images.build({
      names: ["docker.io/library/database:1"],
      layers: [databaseLayer(made)],
      config: { entrypoint: ["/bin/sh", "-ec", [START, ASK, STOP].join("\n")] },
    });
    const rootfs = await unpack(image);
    const oracle = await straceOpens({ containerd, image, timeoutMs: 120_000 });
    const { report, paths } = await traceRootfs(rootfs, { name: "database", processes: "several", image });
    // The server removes it when it starts; one of its processes makes it anew under another name, the next one reads it.
    const replaced = `${DATABASE}/global/pg_internal.init`;
    expect(existsSync(`${rootfs}${replaced}`)).toBe(true);
    expect(oracle).not.toContain(replaced);
    expect(report.counts.runtime).toBeGreaterThan(0);
    expect(compareLists(paths, oracle)).toMatchObject({ missing: [], surplus: [] });
  });
});

const DATABASE = "/srv/database";
const AS_USER = `export PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=${DATABASE} PGHOST=/tmp PGOPTIONS=-cjit=off;
  chroot --userspec=www-data:www-data /`;
const START = `${AS_USER} pg_ctl start --wait --silent --log=/tmp/log --options="-c listen_addresses= -c unix_socket_directories=/tmp"`;
const ASK = `${AS_USER} psql --username=zoo --no-psqlrc --quiet --tuples-only --command="SELECT now()" postgres`;
const STOP = `${AS_USER} pg_ctl stop --wait --silent --mode=fast`;

/** A whole root file system as one layer, in which the database belongs to its server. */
function* databaseLayer(rootfs: string): Generator<LayerEntry> {
  for (const entry of folderLayer(rootfs, (path) => path.startsWith("/tmp/"))) {
    yield `${entry.path}`.startsWith(DATABASE) ? { ...entry, uid: 33, gid: 33 } : entry;
  }
}
