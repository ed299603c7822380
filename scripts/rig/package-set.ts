import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { AptSuite, type PackageFile } from "./apt.ts";
import { FileLock } from "./file-lock.ts";

/** What to fetch from which suite of Debian. */
export interface Recipe {
  readonly suite: "bullseye" | "bookworm" | "trixie" | "sid";
  readonly packages: readonly string[];
  /** The upstream version of the first package; another one is taken, and said, when the mirror no longer has it. */
  readonly version?: string;
  /**
   * "alone" takes the first package as it is: it needs a libc and nothing else that this machine may lack.
   * A prefix takes it with the packages that it depends on whose names begin like that.
   */
  readonly dependencies: "alone" | "closure" | { readonly prefix: string };
}

/** Unpacked packages: where they lie, and the full Debian version of the first one. */
export interface Unpacked {
  readonly folder: string;
  readonly version: string;
}

export interface PackageSetOptions<Name extends string> {
  /** Where the set lies; what it takes to fetch it lies beside it for that time. */
  readonly folder: string;
  readonly recipes: Readonly<Record<Name, Recipe>>;
  /** Which one lies above which other in an image: what the lower one has need not be there twice. */
  readonly above?: Readonly<Record<string, string>>;
}

interface Manifest {
  readonly recipes: string;
  readonly versions: Record<string, string>;
}

const MANIFEST = "manifest.json";

/** Unpacked packages that are fetched together. All or nothing: there is never a half-made set. */
export class PackageSet<Name extends string> {
  readonly #folder: string;
  readonly #recipes: Readonly<Record<Name, Recipe>>;
  readonly #above: Readonly<Record<string, string>>;
  readonly #stamp: string;

  constructor({ folder, recipes, above = {} }: PackageSetOptions<Name>) {
    this.#folder = folder;
    this.#recipes = recipes;
    this.#above = above;
    this.#stamp = new Bun.CryptoHasher("sha256").update(JSON.stringify(recipes)).digest("hex");
  }

  /**
   * What an earlier `fetch` left, or undefined when it is missing, incomplete or of another table.
   * Touches no network.
   */
  async find(): Promise<Readonly<Record<Name, Unpacked>> | undefined> {
    const path = join(this.#folder, MANIFEST);
    if (!existsSync(path)) return undefined;
    const manifest = JSON.parse(await readFile(path, "utf8")) as Manifest;
    return manifest.recipes === this.#stamp ? this.#locate(manifest.versions) : undefined;
  }

  /**
   * Fetches and unpacks the set, unless it is there. `log` gets a line for each step.
   * An interrupted run leaves what it fetched so far for the next one.
   */
  async fetch(log: (line: string) => void): Promise<Readonly<Record<Name, Unpacked>>> {
    const present = await this.find();
    if (present !== undefined) return present;
    await mkdir(join(this.#folder, ".."), { recursive: true });
    await using _lock = await FileLock.acquire(`${this.#folder}.lock`);
    // Another run may have fetched it while this one waited.
    return (await this.find()) ?? (await this.#fetchAll(log));
  }

  async #fetchAll(log: (line: string) => void): Promise<Readonly<Record<Name, Unpacked>>> {
    const aptFolder = `${this.#folder}.apt`;
    const fresh = `${this.#folder}.new`;
    await rm(fresh, { recursive: true, force: true });
    const suites = new Map<string, AptSuite>();
    const fetched = new Map<string, PackageFile[]>();
    const versions: Record<string, string> = {};
    for (const [name, recipe] of Object.entries<Recipe>(this.#recipes)) {
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
    for (const [name, lower] of Object.entries(this.#above)) {
      const below = new Set(fetched.get(lower)?.map(({ path }) => path));
      fetched.set(name, fetched.get(name)?.filter(({ path }) => !below.has(path)) ?? []);
    }
    await Promise.all([...fetched].map(([name, files]) => unpack(files, join(fresh, name))));
    await Bun.write(
      join(fresh, MANIFEST),
      JSON.stringify({ recipes: this.#stamp, versions } satisfies Manifest),
    );
    await rm(this.#folder, { recursive: true, force: true });
    await rename(fresh, this.#folder);
    await rm(aptFolder, { recursive: true, force: true });
    return this.#locate(versions);
  }

  #locate(versions: Record<string, string>): Readonly<Record<Name, Unpacked>> {
    const entries = Object.keys(this.#recipes).map((name) => [
      name,
      { folder: join(this.#folder, name), version: versions[name] ?? "" },
    ]);
    return Object.fromEntries(entries) as Record<Name, Unpacked>;
  }
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
        `${available.join(", ") || "none"}. Change its recipe`,
    );
  }
  if (recipe.version !== undefined && upstream(version) !== recipe.version) {
    log(`${first} ${recipe.version} is gone from ${recipe.suite}: taking ${version}`);
  }
  if (recipe.dependencies === "alone") return [await suite.fetchAlone(first, version)];
  if (recipe.dependencies !== "closure") {
    return suite.fetchPrefixed(first, version, recipe.dependencies.prefix);
  }
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
