import { join } from "node:path";
import { PackageSet, type Recipe, type Unpacked } from "./package-set.ts";
import { CACHE } from "./paths.ts";

/** What the rig itself needs. Everything but containerd comes from one suite, so that libraries fit. */
const RIG = {
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

/** What the workloads of the zoo are, besides: each lies above "base" in its image. */
const ZOO = {
  python: { suite: "bookworm", packages: ["python3"], version: "3.11.2", dependencies: "closure" },
  perl: { suite: "bookworm", packages: ["perl"], version: "5.36.0", dependencies: "closure" },
  node: { suite: "bookworm", packages: ["nodejs"], version: "18.20.4", dependencies: "closure" },
  postgres: { suite: "bookworm", packages: ["postgresql-15"], version: "15.18", dependencies: "closure" },
  redis: { suite: "bookworm", packages: ["redis-server"], version: "7.0.15", dependencies: "closure" },
} as const satisfies Record<string, Recipe>;

/** The builders of images that lists are given to. */
const BUILDERS = {
  stargz: { suite: "bookworm", packages: ["stargz-snapshotter"], version: "0.12.0", dependencies: "alone" },
  squashfs: { suite: "bookworm", packages: ["squashfs-tools"], version: "4.5.1", dependencies: "closure" },
} as const satisfies Record<string, Recipe>;

export type Packages = Readonly<Record<keyof typeof RIG, Unpacked>>;
export type ZooPackages = Readonly<Record<keyof typeof ZOO, Unpacked>>;
export type BuilderPackages = Readonly<Record<keyof typeof BUILDERS, Unpacked>>;

const rig = new PackageSet({ folder: join(CACHE, "packages"), recipes: RIG, above: { nginx: "base" } });
const zoo = new PackageSet({ folder: join(CACHE, "zoo"), recipes: ZOO });
const builders = new PackageSet({ folder: join(CACHE, "builders"), recipes: BUILDERS });

/** Fetches and unpacks the rig's packages into the cache, unless they are there. `log` gets a line for each step. */
export function fetchPackages(log: (line: string) => void): Promise<Packages> {
  return rig.fetch(log);
}

/** The same for the programs of the zoo. */
export function fetchZooPackages(log: (line: string) => void): Promise<ZooPackages> {
  return zoo.fetch(log);
}

/** The same for the builders. */
export function fetchBuilderPackages(log: (line: string) => void): Promise<BuilderPackages> {
  return builders.fetch(log);
}
