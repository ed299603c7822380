import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { AptSuite, type PackageFile } from "./apt.ts";
import { FileLock } from "./file-lock.ts";
import { CACHE } from "./paths.ts";

/** What to fetch from which suite of Debian. Everything but containerd itself comes from one suite, so that libraries fit. */
interface Recipe {
  readonly suite: "bookworm" | "trixie" | "sid";
  readonly packages: readonly string[];
  /** The upstream version of the first package; another one is taken, and said, when the mirror no longer has it. */
  readonly version?: string;
  /** "alone" takes the packages as they are: they need a libc and nothing else that this machine may lack. */
  readonly dependencies: "alone" | "closure";
}

const RECIPES = {
  // These need libc >= 2.34 only, so that they run on bookworm too.
  "containerd-1.7": { suite: "trixie", packages: ["containerd"], version: "1.7.24", dependencies: "alone" },
  "containerd-2.1": { suite: "sid", packages: ["containerd"], version: "2.1.9", dependencies: "alone" },
  // The later suites' runc wants a newer libc. libseccomp2, its one library, is there wherever apt is.
  runc: { suite: "bookworm", packages: ["runc"], version: "1.1.5", dependencies: "alone" },
  busybox: { suite: "bookworm", packages: ["busybox-static"], dependencies: "alone" },
  strace: { suite: "bookworm", packages: ["strace"], dependencies: "closure" },
  // The two lower layers of the nginx image.
  base: {
    suite: "bookworm",
    packages: ["base-files", "bash", "coreutils", "dash", "sed"],
    dependencies: "closure",
  },
  nginx: { suite: "bookworm", packages: ["nginx"], dependencies: "closure" },
} as const satisfies Record<string, Recipe>;

export type PackageName = keyof typeof RECIPES;

/** An unpacked set of packages: where it lies, and the full Debian version of its first package. */
export interface Unpacked {
  readonly folder: string;
  readonly version: string;
}

export type Packages = Readonly<Record<PackageName, Unpacked>>;

interface Manifest {
  readonly recipes: string;
  readonly versions: Record<string, string>;
}

const FOLDER = join(CACHE, "packages");
const MANIFEST = "manifest.json";
const RECIPES_STAMP = new Bun.CryptoHasher("sha256").update(JSON.stringify(RECIPES)).digest("hex");

/**
 * The packages that an earlier `fetchPackages` left, or undefined when they are missing, incomplete or of another
 * table. Touches no network.
 */
export async function findPackages(): Promise<Packages | undefined> {
  const path = join(FOLDER, MANIFEST);
  if (!existsSync(path)) return undefined;
  const manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
  return manifest.recipes === RECIPES_STAMP ? toPackages(manifest.versions) : undefined;
}

/**
 * Fetches and unpacks the packages into the cache, unless they are there. `log` gets a line for each step.
 * All or nothing: an interrupted run leaves what it fetched so far for the next one, and never a half-made set.
 */
export async function fetchPackages(log: (line: string) => void): Promise<Packages> {
  const present = await findPackages();
  if (present !== undefined) return present;
  await mkdir(CACHE, { recursive: true });
  await using _lock = await FileLock.acquire(join(CACHE, "packages.lock"));
  // Another run may have fetched them while this one waited.
  return (await findPackages()) ?? (await fetchAll(log));
}

async function fetchAll(log: (line: string) => void): Promise<Packages> {
  const aptFolder = join(CACHE, "apt");
  const fresh = `${FOLDER}.new`;
  await rm(fresh, { recursive: true, force: true });
  const suites = new Map<string, AptSuite>();
  const fetched = new Map<string, PackageFile[]>();
  const versions: Record<string, string> = {};
  for (const [name, recipe] of Object.entries<Recipe>(RECIPES)) {
    const suite =
      suites.get(recipe.suite) ?? (await AptSuite.open(recipe.suite, join(aptFolder, recipe.suite)));
    suites.set(recipe.suite, suite);
    const files = await fetchRecipe(suite, recipe, log);
    fetched.set(name, files);
    versions[name] = files.find((file) => file.name === recipe.packages[0])?.version ?? "";
    log(
      `${name}: ${recipe.packages.join(", ")} ${versions[name]} from ${recipe.suite}, ${files.length} package(s)`,
    );
  }
  // nginx lies above base in its image: what base has need not be there twice.
  const base = new Set(fetched.get("base")?.map(({ path }) => path));
  fetched.set("nginx", fetched.get("nginx")?.filter(({ path }) => !base.has(path)) ?? []);
  await Promise.all([...fetched].map(([name, files]) => unpack(files, join(fresh, name))));
  await Bun.write(
    join(fresh, MANIFEST),
    JSON.stringify({ recipes: RECIPES_STAMP, versions } satisfies Manifest),
  );
  await rm(FOLDER, { recursive: true, force: true });
  await rename(fresh, FOLDER);
  await rm(aptFolder, { recursive: true, force: true });
  return toPackages(versions);
}

function toPackages(versions: Record<string, string>): Packages {
  const entries = Object.keys(RECIPES).map((name) => [
    name,
    { folder: join(FOLDER, name), version: versions[name] ?? "" },
  ]);
  return Object.fromEntries(entries) as Packages;
}

async function fetchRecipe(
  suite: AptSuite,
  recipe: Recipe,
  log: (line: string) => void,
): Promise<PackageFile[]> {
  const [first = "", ...others] = recipe.packages;
  const available = await suite.versions(first);
  const version = pickVersion(available, recipe.version);
  if (version === undefined) {
    throw new Error(
      `Cannot find "${first}" ${recipe.version ?? ""} in ${recipe.suite}: the mirror has ` +
        `${available.join(", ") || "none"}. Change its entry in scripts/rig/packages.ts`,
    );
  }
  if (recipe.version !== undefined && upstream(version) !== recipe.version) {
    log(`${first} ${recipe.version} is gone from ${recipe.suite}: taking ${version}`);
  }
  if (recipe.dependencies === "alone") return [await suite.fetchAlone(first, version)];
  return suite.fetchClosure([`${first}=${version}`, ...others]);
}

/**
 * The wanted upstream version, else the newest of the same minor, else the newest of the same major one.
 * `available` is sorted, newest first.
 */
export function pickVersion(available: readonly string[], wanted: string | undefined): string | undefined {
  if (wanted === undefined) return available[0];
  const [major, minor] = wanted.split(".");
  return (
    available.find((version) => upstream(version) === wanted) ??
    available.find((version) => upstream(version).startsWith(`${major}.${minor}.`)) ??
    available.find((version) => upstream(version).startsWith(`${major}.`))
  );
}

/** "1:1.7.24~ds1-6+deb13u1" without its epoch and what Debian added: "1.7.24". */
function upstream(version: string): string {
  return /^(?:\d+:)?([\d.]+)/.exec(version)?.[1] ?? version;
}

/** Unpacks packages over each other into a merged-/usr tree, as they lie in an installed Debian. */
async function unpack(files: readonly PackageFile[], folder: string): Promise<void> {
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    await mkdir(join(folder, "usr", name), { recursive: true });
    await symlink(`usr/${name}`, join(folder, name));
  }
  for (const { path } of files) {
    // Not dpkg -x: it would put a folder in the place of the symbolic link /bin.
    const archive = Bun.spawn(["dpkg-deb", "--fsys-tarfile", path], { stdout: "pipe", stderr: "inherit" });
    const tar = Bun.spawn(["tar", "-x", "-p", "--keep-directory-symlink", "-C", folder], {
      stdin: archive.stdout,
      stderr: "inherit",
    });
    const codes = [await archive.exited, await tar.exited];
    if (codes.some((code) => code !== 0)) {
      // apt takes a fetched file of the right size for a good one: a damaged one must not be there the next time.
      await rm(path, { force: true });
      throw new Error(`Cannot unpack ${path}: it may be damaged and was removed. Run this again`);
    }
  }
}
