import { existsSync } from "node:fs";
import { join } from "node:path";
import { run } from "./command.ts";
import { debianLayer, packageLayer } from "./debian-layers.ts";
import { busyboxLayer, type Images, NGINX_PID_FILE } from "./images.ts";
import type { LayerEntry } from "./layers.ts";
import type { Image, ImageConfig } from "./oci.ts";
import type { Packages, ZooPackages } from "./packages.ts";
import { compileProgram } from "./programs.ts";

/** A program that opens the same files of its image in each run. */
export interface Workload {
  readonly name: string;
  /** Processes that run at the same time may open their files in another order each time. */
  readonly processes: "one" | "several";
  /** The image; what it starts by itself is the workload. */
  readonly image: Image;
  /** A file that shows that it is up, and heeds its stop signal once it is through. Without one it ends by itself. */
  readonly readyFile?: string;
}

/** What the workloads are made of. */
export interface ZooOptions {
  readonly images: Images;
  readonly packages: Packages;
  readonly zooPackages: ZooPackages;
  /** For the programs that are compiled on the spot. */
  readonly folder: string;
}

export const TREE_FILES = 50_000;
const NODE_MODULES = 60;

type Recipe = Omit<Workload, "name" | "image"> & { image(options: ZooOptions): Promise<Image> };

const RECIPES = {
  nginx: { processes: "several", readyFile: NGINX_PID_FILE, image: ({ images }) => images.nginx() },
  python: {
    processes: "one",
    image: (options) =>
      debianImage(options, "python", [zooFile("imports.py")], {
        entrypoint: ["python3", "/zoo/imports.py"],
        // Without these a run depends on chance, and leaves compiled modules for the next one.
        env: ["PYTHONHASHSEED=0", "PYTHONDONTWRITEBYTECODE=1"],
      }),
  },
  perl: {
    processes: "one",
    image: (options) =>
      debianImage(options, "perl", [zooFile("modules.pl")], {
        entrypoint: ["perl", "/zoo/modules.pl"],
        env: ["PERL_HASH_SEED=0"],
      }),
  },
  node: {
    processes: "one",
    image: (options) =>
      debianImage(options, "node", [zooFile("requires.js"), ...nodeModules()], {
        entrypoint: ["node", "/zoo/requires.js"],
      }),
  },
  children: {
    processes: "several",
    image: (options) =>
      debianImage(options, "children", [zooFile("children.sh", 0o755)], {
        entrypoint: ["/zoo/children.sh"],
      }),
  },
  redis: {
    processes: "one",
    readyFile: "/run/redis.pid",
    image: (options) =>
      debianImage(
        options,
        "redis",
        [
          zooFile("redis.conf"),
          { kind: "file", path: "/etc/redis/users.acl", content: "user default on nopass ~* &* +@all\n" },
        ],
        { entrypoint: ["redis-server", "/zoo/redis.conf"] },
      ),
  },
  postgres: {
    processes: "several",
    image: (options) =>
      debianImage(options, "postgres", [zooFile("database.sh", 0o755)], {
        entrypoint: ["/zoo/database.sh"],
      }),
  },
  busybox: { processes: "several", image: busyboxImage },
  static: { processes: "one", image: ({ images }) => images.static() },
  tree: { processes: "one", image: treeImage },
} as const satisfies Record<string, Recipe>;

export type WorkloadName = keyof typeof RECIPES;

export const WORKLOADS = Object.keys(RECIPES) as WorkloadName[];

/** Makes a workload's image. */
export async function makeWorkload(name: WorkloadName, options: ZooOptions): Promise<Workload> {
  const recipe: Recipe = RECIPES[name];
  return { ...recipe, name, image: await recipe.image(options) };
}

/** Whether a workload whose root is at `root` is to get its stop signal; undefined where it ends by itself. */
export function readiness({ readyFile }: Workload): ((root: string) => boolean) | undefined {
  return readyFile === undefined ? undefined : (root) => existsSync(`${root}${readyFile}`);
}

/** The small Debian, the packages of this name if there are some, and the files of the workload itself. */
async function debianImage(
  { images, packages: { base }, zooPackages }: ZooOptions,
  name: keyof ZooPackages | "children",
  files: readonly LayerEntry[],
  config: ImageConfig,
): Promise<Image> {
  await run(["ldconfig", "-r", base.folder]);
  const own = name === "children" ? [] : [packageLayer(zooPackages[name].folder, base.folder)];
  return images.build({
    names: [`docker.io/library/zoo-${name}:1`],
    layers: [debianLayer(base.folder), ...own, files],
    config: {
      ...config,
      env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", ...(config.env ?? [])],
    },
  });
}

async function busyboxImage({ images, packages: { busybox } }: ZooOptions): Promise<Image> {
  return images.build({
    names: ["docker.io/library/zoo-busybox:1"],
    layers: [await busyboxLayer(busybox.folder), [zooFile("applets.sh", 0o755)]],
    config: { entrypoint: ["/zoo/applets.sh"], env: ["PATH=/bin"] },
  });
}

async function treeImage({ images, folder }: ZooOptions): Promise<Image> {
  const program = await compileProgram(folder, "tree");
  return images.build({
    names: ["docker.io/library/zoo-tree:1"],
    layers: [[{ kind: "copy", path: "/program", source: program, mode: 0o755 }], treeLayer()],
    config: { entrypoint: ["/program", `${TREE_FILES}`] },
  });
}

/** The files that programs/tree.c opens. */
function* treeLayer(): Generator<LayerEntry> {
  for (let index = 0; index < TREE_FILES; index++) {
    const [folder, file] = [Math.floor(index / 100), index % 100];
    yield {
      kind: "file",
      path: `/tree/${`${folder}`.padStart(3, "0")}/${`${file}`.padStart(2, "0")}`,
      content: "",
    };
  }
}

/** Modules that requires.js finds beside itself: each has a folder, and every other one a package.json. */
function* nodeModules(): Generator<LayerEntry> {
  yield { kind: "file", path: "/zoo/package.json", content: '{ "name": "zoo" }\n' };
  for (let index = 0; index < NODE_MODULES; index++) {
    const folder = `/zoo/lib/${`${index}`.padStart(2, "0")}`;
    if (index % 2 === 0) {
      yield { kind: "file", path: `${folder}/package.json`, content: '{ "main": "main.js" }\n' };
      yield {
        kind: "file",
        path: `${folder}/main.js`,
        content: 'exports.count = require("./data.json").count;\n',
      };
      yield { kind: "file", path: `${folder}/data.json`, content: '{ "count": 1 }\n' };
    } else {
      yield { kind: "file", path: `${folder}/index.js`, content: "exports.count = 1;\n" };
    }
  }
}

function zooFile(name: string, mode = 0o644): LayerEntry {
  return { kind: "copy", path: `/zoo/${name}`, source: join(import.meta.dir, "zoo", name), mode };
}
