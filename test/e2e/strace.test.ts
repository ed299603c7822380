import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CONTAINERD_VERSIONS, Containerd } from "../../scripts/rig/containerd.ts";
import { Images, NGINX_PID_FILE } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";
import { straceOpens } from "../../scripts/rig/strace.ts";

const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);

describe.each([...CONTAINERD_VERSIONS])("straceOpens() on containerd %s", (version) => {
  let containerd: Containerd;

  beforeAll(async () => {
    containerd = await Containerd.start({ version, packages });
  });

  afterAll(async () => {
    await containerd[Symbol.asyncDispose]();
  });

  test("lists the program, then its 200 files in order", async () => {
    const image = await containerd.importImage(await images.static());
    const files = Array.from({ length: 200 }, (_, index) => `/data/${`${index}`.padStart(3, "0")}`);
    expect(await straceOpens({ containerd, image })).toEqual(["/static", ...files]);
  });

  test("lists what nginx's start opens, and nothing that was made at run time", async () => {
    const image = await containerd.importImage(await images.nginx());
    const opened = await straceOpens({
      containerd,
      image,
      stopWhen: (root) => existsSync(`${root}${NGINX_PID_FILE}`),
    });
    const lib = "/usr/lib/x86_64-linux-gnu";
    expect(opened.slice(0, 5)).toEqual([
      "/docker-entrypoint.sh",
      "/usr/bin/dash",
      `${lib}/ld-linux-x86-64.so.2`,
      "/etc/ld.so.cache",
      `${lib}/libc.so.6`,
    ]);
    const parts = [
      "/docker-entrypoint.d/10-name-server.sh",
      "/usr/bin/sed",
      "/etc/nginx/conf.d/default.conf",
    ];
    for (const part of [
      ...parts,
      "/usr/sbin/nginx",
      `${lib}/libssl.so.3`,
      "/etc/nginx/mime.types",
      "/etc/group",
    ]) {
      expect(opened).toContain(part);
    }
    expect(opened.filter((path) => /\/sed\w{6}$|^\/(run|proc|dev|var)\//.test(path))).toEqual([]);
  });

  test("resolves links and relative paths, keeps raw bytes, leaves out folders, failures and paths alone", async () => {
    const script =
      "cd /opt; ./link; cat \"$(printf '/raw/a\\377\\nb')\"; ls /raw; cat /none /gone; cat < /etc/hosts; : > /new; cat /new";
    const image = await images.build({
      names: ["docker.io/library/odd:1"],
      layers: [
        [
          {
            kind: "copy",
            path: "/bin/busybox",
            source: join(packages.busybox.folder, "bin/busybox"),
            mode: 0o755,
          },
          { kind: "hardlink", path: "/bin/sh", target: "/bin/busybox", mode: 0o755 },
          { kind: "symlink", path: "/bin/cat", target: "busybox" },
          { kind: "file", path: Buffer.from("/raw/a\xff\nb", "latin1"), content: "raw" },
          { kind: "file", path: "/opt/real/program", content: "#!/bin/sh -e\n. ../etc/conf\n", mode: 0o755 },
          { kind: "symlink", path: "/opt/link", target: "/opt/real/../real/program" },
          { kind: "file", path: "/etc/conf", content: "" },
          { kind: "file", path: "/etc/hosts", content: "" },
          { kind: "file", path: "/gone", content: "" },
        ],
        [{ kind: "whiteout", path: "/gone" }],
      ],
      config: { entrypoint: ["/bin/sh", "-c"], env: ["PATH=/bin"] },
    });
    await containerd.importImage(image);
    expect(await straceOpens({ containerd, image, command: ["/bin/sh", "-c", script] })).toEqual([
      "/bin/sh",
      "/opt/real/program",
      "/etc/conf",
      "/raw/a\xff\nb",
    ]);
  });
});
