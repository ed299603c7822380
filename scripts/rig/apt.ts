import { readdirSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./command.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const ARCHIVE_SUITES = ["bookworm", "trixie", "forky", "sid", "oldstable", "stable", "testing", "unstable"];

/** A package file that apt fetched: its name, its version and where it lies. */
export interface PackageFile {
  readonly name: string;
  readonly version: string;
  readonly path: string;
}

/**
 * One suite of Debian, read through apt folders of our own: neither the machine's sources, lists and cache nor its
 * installed packages are touched or looked at. Its Release file is verified with the machine's archive keyring.
 */
export class AptSuite {
  readonly #options: string[];
  readonly #folder: string;

  private constructor(folder: string, options: string[]) {
    this.#folder = folder;
    this.#options = options;
  }

  /** Makes the folders and fetches the package lists of `suite`. Rejects when the mirror cannot be reached. */
  static async open(suite: string, folder: string): Promise<AptSuite> {
    const sources = join(folder, "sources.list");
    await mkdir(join(folder, "lists", "partial"), { recursive: true });
    await mkdir(join(folder, "cache", "archives", "partial"), { recursive: true });
    await Bun.write(sources, `deb [signed-by=${KEYRING}] ${findMirror()} ${suite} main\n`);
    // With an empty status file nothing counts as installed, so that apt resolves the whole closure.
    await Bun.write(join(folder, "status"), "");
    const options = [
      `Dir::Etc::sourcelist=${sources}`,
      "Dir::Etc::sourceparts=-",
      `Dir::State::Lists=${join(folder, "lists")}`,
      `Dir::State::status=${join(folder, "status")}`,
      `Dir::Cache=${join(folder, "cache")}`,
      // Some machines turn these off; without them every call parses the lists anew.
      "Dir::Cache::pkgcache=pkgcache.bin",
      "Dir::Cache::srcpkgcache=srcpkgcache.bin",
      "Acquire::Languages=none",
      "Acquire::Retries=3",
      "Acquire::http::Timeout=20",
      "DPkg::Lock::Timeout=120",
      // The user _apt may not be able to enter the checkout's folder.
      "APT::Sandbox::User=root",
      "APT::Install-Recommends=false",
    ].flatMap((option) => ["-o", option]);
    const apt = new AptSuite(folder, options);
    await apt.#run("apt-get", ["update", "--error-on=any"]);
    return apt;
  }

  /** The versions of a package that the mirror has, newest first. */
  async versions(name: string): Promise<string[]> {
    const lines = (await this.#run("apt-cache", ["madison", name])).split("\n");
    return lines.flatMap((line) => line.split("|")[1]?.trim() ?? []);
  }

  /**
   * Fetches packages (`name` or `name=version`) with all that they depend on, and returns the files of all of them.
   * apt checks each file's hash, and goes on with a file that an interrupted run left half fetched.
   */
  async fetchClosure(packages: readonly string[]): Promise<PackageFile[]> {
    const plan = await this.#run("apt-get", ["install", "-y", "--simulate", ...packages]);
    const wanted = new Map(
      plan.split("\n").flatMap((line) => {
        const [, name, version] = /^Inst (\S+) \((\S+) /.exec(line) ?? [];
        return name === undefined || version === undefined ? [] : [[name, version] as const];
      }),
    );
    await this.#run("apt-get", ["install", "-y", "--download-only", ...packages]);
    return [...wanted].map(([name, version]) => ({ name, version, path: this.#archive(name, version) }));
  }

  /** Fetches a package with those that it depends on, directly or through others, whose names begin with `prefix`. */
  async fetchPrefixed(name: string, version: string, prefix: string): Promise<PackageFile[]> {
    const files = new Map([[name, await this.fetchAlone(name, version)]]);
    // A map's iteration also visits what is added meanwhile.
    for (const dependent of files.keys()) {
      const depends = await this.#run("apt-cache", ["depends", "--important", dependent]);
      for (const [, dependency = ""] of depends.matchAll(/^[ |]+(?:Pre)?Depends: ([^<\s]+)$/gm)) {
        if (!dependency.startsWith(prefix) || files.has(dependency)) continue;
        const [newest] = await this.versions(dependency);
        if (newest !== undefined) files.set(dependency, await this.fetchAlone(dependency, newest));
      }
    }
    return [...files.values()];
  }

  /** Fetches one package without what it depends on. */
  async fetchAlone(name: string, version: string): Promise<PackageFile> {
    const folder = join(this.#folder, "cache", "archives");
    await this.#run("apt-get", ["download", `${name}=${version}`], folder);
    return { name, version, path: this.#archive(name, version) };
  }

  #archive(name: string, version: string): string {
    const folder = join(this.#folder, "cache", "archives");
    // apt writes the colon of an epoch as %3a; the architecture, which is "all" for some, ends the name.
    const prefix = `${name}_${version.replaceAll(":", "%3a")}_`;
    const file = readdirSync(folder).find((entry) => entry.startsWith(prefix) && entry.endsWith(".deb"));
    if (file === undefined) throw new Error(`Cannot find the fetched package "${prefix}*.deb" in ${folder}`);
    return join(folder, file);
  }

  #run(tool: "apt-get" | "apt-cache", args: readonly string[], cwd = this.#folder): Promise<string> {
    // Its words are parsed: they must not be translated.
    const env = { ...process.env, LC_ALL: "C.UTF-8", DEBIAN_FRONTEND: "noninteractive" };
    return run([tool, ...args, ...this.#options], { cwd, env });
  }
}

/**
 * The mirror that this machine's own apt takes the Debian archive from, out of its `.list` and `.sources` files.
 * Throws when there is none: another distribution's archive does not have the suites that the rig reads.
 */
export function findMirror(aptFolder = "/etc/apt"): string {
  const parts = join(aptFolder, "sources.list.d");
  const files = [join(aptFolder, "sources.list"), ...list(parts).map((name) => join(parts, name))];
  for (const file of files) {
    const source = parseSources(file, read(file)).find(isArchive);
    if (source !== undefined) return source.uri;
  }
  throw new Error(
    `Cannot find the Debian archive in ${aptFolder}: no enabled source has component "main" of one of the suites ` +
      `${ARCHIVE_SUITES.join(", ")}. Run the rig on Debian, or add such a source`,
  );
}

/** Other archives (security, backports, vendors') name their suites or components differently. */
function isArchive({ suites, components }: Source): boolean {
  return components.includes("main") && suites.some((suite) => ARCHIVE_SUITES.includes(suite));
}

interface Source {
  readonly uri: string;
  readonly suites: string[];
  readonly components: string[];
}

function parseSources(file: string, text: string): Source[] {
  if (file.endsWith(".sources")) return text.split(/\n[ \t]*\n/).flatMap(parseStanza);
  if (!file.endsWith(".list")) return [];
  return text.split("\n").flatMap((line) => {
    const [, uri, suite, components] = /^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line) ?? [];
    if (uri === undefined || suite === undefined) return [];
    return [{ uri, suites: [suite], components: words(components ?? "") }];
  });
}

/** One stanza of a deb822 file; a line that starts with a blank goes on with the field above it. */
function parseStanza(stanza: string): Source[] {
  const fields = new Map<string, string>();
  let name = "";
  for (const line of stanza.split("\n")) {
    if (line.startsWith("#")) continue;
    const [, key, value] = /^([^\s:]+):(.*)$/.exec(line) ?? [];
    if (key !== undefined) name = key.toLowerCase();
    fields.set(name, `${key === undefined ? (fields.get(name) ?? "") : ""} ${value ?? line}`);
  }
  const field = (key: string) => fields.get(key) ?? "";
  if (!words(field("types")).includes("deb") || words(field("enabled"))[0] === "no") return [];
  const [suites, components] = [words(field("suites")), words(field("components"))];
  return words(field("uris")).map((uri) => ({ uri, suites, components }));
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
