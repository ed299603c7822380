import { chmod, copyFile, link, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Case } from "../case.ts";
import { fetchTools } from "../packages.ts";

const MANY = Array.from({ length: 300 }, (_, index) => `/data/many/${String(index).padStart(3, "0")}`);

/** What a container would do; each line opens what it says. */
const START = `#!/bin/sh
exec > /dev/null
cat /etc/app.conf
cat /etc/app.conf
cat /etc/link.conf
cat /data/one-name /data/other-name
cat "/data/with blanks"
echo made > /data/made
cat /data/made
cat /data/removed
rm /data/removed
rm /data/replaced
echo made > /data/replaced
cat /data/replaced
echo made > /data/over.new
mv /data/over.new /data/over
cat /data/over
chmod 600 /data/changed
mv /data/renamed /data/renamed.new
echo 2 > /proc/sys/vm/drop_caches
cat /data/changed /data/renamed.new
for file in /data/many/*; do cat "$file"; done
for turn in 1 2 3; do cat /data/many/0*; done
`;

/**
 * The list, in order of first access. Not on it: the second open of a file, a link (its target is), what was made
 * at run time, also in the place of a file of the image, and what nobody opens.
 */
const EXPECTED = [
  "/start.sh",
  "/bin/busybox",
  "/etc/app.conf",
  "/etc/target.conf",
  "/data/one-name",
  "/data/other-name",
  "/data/with blanks",
  "/data/removed",
  "/data/changed",
  "/data/renamed",
  ...MANY,
];

interface TraceResult {
  readonly complete: boolean;
  readonly trouble: readonly string[];
  readonly replacedListed: string | null;
  readonly files: readonly { readonly path: string }[];
}

/** A command in a root file system has the same list under each kernel, which is complete. */
export const trace: Case = {
  name: "trace",
  script: "optimizer trace --rootfs root --json -- /start.sh",
  onHost: true,
  prepare: makeRoot,
  check({ exitCode, stdout, stderr }) {
    // Exit code 3 is that of a list with holes: the list says more.
    if (exitCode !== 0 && exitCode !== 3) return [`exit code ${exitCode}: ${stderr.trim()}`];
    const result = JSON.parse(stdout) as TraceResult;
    const paths = result.files.map(({ path }) => path);
    return [
      ...(result.complete ? [] : [`not complete: ${result.trouble.join("; ")}`]),
      ...(result.replacedListed === null ? [] : [`replaced files are listed: ${result.replacedListed}`]),
      ...describeDifference(paths),
    ];
  },
};

function describeDifference(paths: readonly string[]): string[] {
  if (paths.join("\n") === EXPECTED.join("\n")) return [];
  const missing = EXPECTED.filter((path) => !paths.includes(path));
  const surplus = paths.filter((path) => !EXPECTED.includes(path));
  if (missing.length + surplus.length === 0) return ["the order differs"];
  return [
    ...(missing.length > 0 ? [`missing: ${missing.join(", ")}`] : []),
    ...(surplus.length > 0 ? [`surplus: ${surplus.join(", ")}`] : []),
  ];
}

async function makeRoot(folder: string): Promise<void> {
  const { busybox } = await fetchTools(() => {});
  const root = join(folder, "root");
  for (const name of ["bin", "etc", "data/many", "proc", "sys", "dev"]) {
    await mkdir(join(root, name), { recursive: true });
  }
  await copyFile(join(busybox.folder, "bin/busybox"), join(root, "bin/busybox"));
  for (const applet of ["sh", "cat", "chmod", "mv", "rm"])
    await symlink("busybox", join(root, "bin", applet));
  await writeFile(join(root, "start.sh"), START);
  await chmod(join(root, "start.sh"), 0o755);
  const contents = EXPECTED.filter((path) => path.startsWith("/etc/") || path.startsWith("/data/"));
  for (const path of [...contents, "/data/untouched", "/data/replaced", "/data/over"].filter(
    (path) => path !== "/data/other-name",
  )) {
    await writeFile(join(root, path), `${path}\n`);
  }
  await link(join(root, "data/one-name"), join(root, "data/other-name"));
  await symlink("target.conf", join(root, "etc/link.conf"));
}
