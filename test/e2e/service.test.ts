import { expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CONTAINERD_VERSIONS, Containerd } from "../../scripts/rig/containerd.ts";
import { Images, STATIC_FILES } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { waitFor } from "../../scripts/rig/wait.ts";
import { defaultConfig } from "../../src/config.ts";
import { DEFAULT_SOCKET_PATH } from "../../src/nri/socket.ts";
import { NEEDED_CAPABILITIES } from "../../src/sys/capabilities.ts";
import { UnitLimits } from "../helpers/unit-limits.ts";
import { privateTmp, readUnit, unitCommand } from "../helpers/unit-sandbox.ts";

const packages = await fetchPackages(console.error);
const folder = join(currentRun().folder, "service");
const images = new Images(join(folder, "images"), packages);
/** As in the unit: from there on the kernel would slow it down. */
const MEMORY_HIGH_BYTES = 768 << 20;
const unit = readUnit(join(ROOT, "scripts/install/optimizer.service"));

test.each([...CONTAINERD_VERSIONS])(
  "the systemd unit starts the external plugin in its sandbox, and it traces in containerd %s",
  async (version) => {
    const results = join(folder, version);
    const logPath = join(folder, `${version}.log`);
    mkdirSync(results, { recursive: true });
    await using containerd = await Containerd.start({ version, packages, nri: {} });
    mkdirSync(dirname(DEFAULT_SOCKET_PATH), { recursive: true });
    const socket = `${DEFAULT_SOCKET_PATH}.${version}`;
    symlinkSync(containerd.paths.nriSocket, socket);
    const command = unitCommand(unit, [
      [join(ROOT, "dist/optimizer"), "/usr/local/bin/optimizer"],
      [results, defaultConfig.persistDir],
    ]);
    const obstacle = UnitLimits.obstacle();
    if (obstacle !== undefined) console.error(`The unit's limits are not applied: ${obstacle}`);
    using limits = obstacle === undefined ? new UnitLimits(unit, currentRun().cgroup) : undefined;
    const child = Bun.spawn([...command, "--socket-path", socket], {
      stdio: ["ignore", "ignore", Bun.file(logPath)],
    });
    limits?.take(child.pid);
    const log = () => (existsSync(logPath) ? readFileSync(logPath, "utf8") : "");
    const of = (name: string) => readFileSync(`/proc/${child.pid}/${name}`, "latin1");
    await waitFor(() => child.exitCode !== null || log().includes("configured by containerd"), {
      what: "the service to be configured",
      explain: log,
    });
    expect(log()).toContain(`results go to ${defaultConfig.persistDir}`);

    const status = of("status");
    const needed = NEEDED_CAPABILITIES.toString(16).padStart(16, "0");
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) expect(status).toContain(`${set}:\t${needed}\n`);
    expect(status).toContain("NoNewPrivs:\t1\n");
    expect(status).toContain("Seccomp:\t2\n");
    expect(of("mountinfo")).toMatch(/ \/ \/ ro[, ]/);

    const asked = Bun.spawnSync([join(ROOT, "dist/optimizer"), "status", "--json"]);
    expect(JSON.parse(asked.stdout.toString())).toMatchObject({
      healthy: true,
      plugins: [{ pid: child.pid }],
    });

    const image = await containerd.importImage(await images.static());
    await using container = await containerd.runContainer({ image: image.id });
    await container.waitExited();
    const list = join(results, "static:latest");
    const record = await waitFor(
      () => {
        const found = existsSync(`${list}.json`) && JSON.parse(readFileSync(`${list}.json`, "utf8"));
        return found.state === "ended" && found;
      },
      { what: "the result to be complete", explain: log },
    );
    expect(record).toMatchObject({ complete: true, trouble: [], filter: { kind: "image-files" } });
    expect(readFileSync(list, "utf8").split("\n").slice(0, -1)).toHaveLength(1 + STATIC_FILES);

    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    if (limits !== undefined) {
      expect(limits.memory()).toMatchObject({ hits: 0 });
      expect(limits.memory().peakBytes).toBeWithin(10 << 20, MEMORY_HIGH_BYTES);
    }
    expect(log()).not.toMatch(/ (?:warn|error) /);
  },
);

test("a checkout below /tmp stays to be seen in the service's sandbox, and nothing else there does", () => {
  const [checkout, other] = [mkdtempSync("/tmp/checkout-"), mkdtempSync("/tmp/other-")];
  try {
    writeFileSync(join(checkout, "program"), "");
    const script = ["mount --make-rslave /", ...privateTmp(checkout), "ls /tmp", `ls ${checkout}`].join("\n");
    const { stdout, stderr } = Bun.spawnSync(["unshare", "--mount", "sh", "-euc", script]);
    expect(stderr.toString()).toBe("");
    expect(stdout.toString()).toBe(`${checkout.slice("/tmp/".length)}\nprogram\n`);
  } finally {
    for (const path of [checkout, other]) rmSync(path, { recursive: true });
  }
});
