import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");

/** Where messages are described, and where their TypeScript goes: the program's, and those of the rig's CRI client. */
const targets = [
  { proto: "proto", gen: "src/gen" },
  { proto: "scripts/rig/proto", gen: "scripts/rig/gen" },
] as const;

const [option, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (option !== undefined && option !== "--check")) {
  console.error("Usage: bun scripts/generate.ts [--check]");
  process.exit(2);
}
for (const { proto, gen } of targets) {
  const ok = option === "--check" ? await check(proto, gen) : await generate(proto, join(root, gen));
  if (!ok) process.exitCode = 1;
}

/** Writes the TypeScript of a folder into `outDir`, removing what it no longer makes. Returns whether that went well. */
async function generate(proto: string, outDir: string): Promise<boolean> {
  const buf = join(root, "node_modules", ".bin", "buf");
  const child = Bun.spawn(
    [
      ...[process.execPath, buf, "generate", proto],
      ...["--template", "proto/buf.gen.yaml", "--output", outDir, "--clean"],
    ],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
  );
  return (await child.exited) === 0;
}

/** Generates beside the tree and compares. When `gen` is not what `proto` makes, says so with the cure. */
async function check(proto: string, gen: string): Promise<boolean> {
  const freshDir = await mkdtemp(join(tmpdir(), "optimizer-gen-"));
  try {
    if (!(await generate(proto, freshDir))) return false;
    const fresh = await readTree(freshDir);
    const present = await readTree(join(root, gen));
    const names = [...new Set([...fresh.keys(), ...present.keys()])].sort();
    const stale = names.filter((name) => fresh.get(name) !== present.get(name));
    if (stale.length === 0) return true;
    console.error(
      `Generated code does not match ${proto}: ${stale.map((name) => `${gen}/${name}`).join(", ")}. ` +
        'Run "make generate" and commit the result.',
    );
    return false;
  } finally {
    await rm(freshDir, { recursive: true, force: true });
  }
}

/** The text of each file under `dir`, by its path in there. A folder that is not there is empty. */
async function readTree(dir: string): Promise<Map<string, string>> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, string>();
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(path.slice(dir.length + 1), await Bun.file(path).text());
  }
  return files;
}
