import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const generatedDir = join(root, "src", "gen");

const [option, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (option !== undefined && option !== "--check")) {
  console.error("Usage: bun scripts/generate.ts [--check]");
  process.exit(2);
}
process.exitCode = option === "--check" ? await check() : await generate(generatedDir);

/** Writes the TypeScript of proto/ into `outDir`, removing what proto/ no longer makes. Returns the exit code. */
async function generate(outDir: string): Promise<number> {
  const child = Bun.spawn(
    [
      process.execPath,
      join(root, "node_modules", ".bin", "buf"),
      "generate",
      "proto",
      "--template",
      "proto/buf.gen.yaml",
      "--output",
      outDir,
      "--clean",
    ],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  return (await child.exited) === 0 ? 0 : 1;
}

/** Generates beside the tree and compares. Returns 1, with the cure on stderr, when src/gen is not what proto/ makes. */
async function check(): Promise<number> {
  const freshDir = await mkdtemp(join(tmpdir(), "optimizer-gen-"));
  try {
    if ((await generate(freshDir)) !== 0) return 1;
    const fresh = await readTree(freshDir);
    const present = await readTree(generatedDir);
    const names = [...new Set([...fresh.keys(), ...present.keys()])].sort();
    const stale = names.filter((name) => fresh.get(name) !== present.get(name));
    if (stale.length === 0) return 0;
    console.error(
      `Generated code does not match proto/: ${stale.map((name) => `src/gen/${name}`).join(", ")}. ` +
        'Run "bun scripts/generate.ts" and commit the result.',
    );
    return 1;
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
