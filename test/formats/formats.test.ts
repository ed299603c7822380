import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type ListFormatName, listFormats } from "../../src/formats/formats.ts";
import { random, testSeed } from "../helpers/random.ts";
import { exported, meant } from "./exported.ts";
import { hostileCase, hostileImage, hostileList } from "./hostile.ts";
import { estargzPrefetchList, estargzRecord } from "./readers/estargz.ts";
import { csvPaths, jsonPaths, linePaths, nulPaths } from "./readers/generic.ts";
import type { Reader } from "./readers/image.ts";
import { nydusdFiles, nydusPatterns } from "./readers/nydus.ts";
import { nydusAnnotations } from "./readers/nydus-annotation.ts";
import { nydusOptimize } from "./readers/nydus-json.ts";
import { overlaybdPriorities } from "./readers/overlaybd.ts";
import { slimIncludes } from "./readers/slim.ts";
import { sociPrefetch } from "./readers/soci.ts";
import { squashfsSort } from "./readers/squashfs.ts";

const readers: Readonly<Record<Exclude<ListFormatName, "nydus-annotation">, readonly Reader[]>> = {
  nydus: [nydusPatterns, nydusdFiles],
  "nydus-json": [nydusOptimize],
  estargz: [estargzRecord],
  "estargz-list": [estargzPrefetchList],
  soci: [sociPrefetch],
  overlaybd: [overlaybdPriorities],
  slim: [slimIncludes],
  squashfs: [squashfsSort],
  list: [linePaths],
  nul: [nulPaths],
  json: [jsonPaths],
  csv: [csvPaths],
};

const consumers = Object.entries(readers).flatMap(([name, each]) =>
  each.map((read) => ({ name: name as ListFormatName, read })),
);

/** The bytes of a golden file, latin1. */
function golden(name: string): string {
  return readFileSync(`${import.meta.dir}/golden/${name}`, "latin1");
}

const filesBelow = hostileImage.filesBelow.bind(hostileImage);

describe("the export of a hostile list", () => {
  for (const [name, format] of Object.entries(listFormats)) {
    test(`has in the format ${name} exactly the bytes of the golden file`, () => {
      const { text, leftOut } = exported(format, hostileList, { filesBelow });
      expect(text).toBe(golden(name));
      const told = leftOut.map(({ path, why }) => `${why}: ${JSON.stringify(path)}\n`);
      expect(told.join("")).toBe(golden(`${name}.left-out`));
    });
  }

  for (const { name, read } of consumers) {
    test(`is read by ${read.name} as it was meant`, () => {
      const { text, leftOut } = exported(listFormats[name], hostileList);
      const paths = meant(hostileList, leftOut).filter((path) => hostileImage.files.has(path));
      expect(paths.length).toBeGreaterThan(3);
      expect(read(text, hostileImage)).toEqual(paths);
    });
  }
});

describe("the export of a list with generated names", () => {
  for (const { name, read } of consumers) {
    test(`is read by ${read.name} as it was meant`, () => {
      const seed = testSeed();
      const next = random(seed);
      for (let round = 0; round < 300; round++) {
        const { files, image } = hostileCase(next);
        const { text, leftOut } = exported(listFormats[name], files);
        const paths = meant(files, leftOut);
        const failed = `seed ${seed}, round ${round}`;
        expect(text === "", failed).toBe(paths.length === 0);
        if (text === "") continue;
        expect(read(text, image), failed).toEqual(paths.filter((path) => image.files.has(path)));
      }
    });
  }

  for (const [name, format] of Object.entries(listFormats)) {
    test(`has in the format ${name} every ordinary name`, () => {
      const seed = testSeed();
      const next = random(seed);
      for (let round = 0; round < 300; round++) {
        const { files, image } = hostileCase(next);
        const { leftOut } = exported(format, files);
        const lost = leftOut.filter(({ why }) => why !== "listed twice").map(({ path }) => path);
        const ordinary = lost.filter((path) => image.files.has(path) && /^[\w./-]+$/.test(path));
        expect(ordinary, `seed ${seed}, round ${round}`).toEqual([]);
      }
    });
  }

  for (const name of ["nul", "json", "csv"] as const) {
    test(`has in the format ${name} all names that can be`, () => {
      const next = random(testSeed());
      const { files, image } = hostileCase(next);
      const { leftOut } = exported(listFormats[name], files);
      expect(leftOut.filter(({ path, why }) => image.files.has(path) && why !== "listed twice")).toEqual([]);
    });
  }
});

test("Of a list that has nothing for a format, nothing is written, not even a frame", () => {
  for (const format of Object.values(listFormats)) {
    expect(exported(format, [{ path: "relative" }]).text).toBe("");
    expect(exported(format, []).text).toBe("");
  }
});

test("A path that the kernel cannot take is left out, with its reason", () => {
  const path = `${`/${"x".repeat(255)}`.repeat(16)}`;
  for (const format of [listFormats.nul, listFormats.squashfs]) {
    expect(exported(format, [{ path: path.slice(1) }, { path }]).leftOut.map(({ why }) => why)).toEqual([
      "not an absolute path without . and ..",
      "longer than a path can be",
    ]);
    expect(exported(format, [{ path: path.slice(0, 4095) }]).leftOut).toEqual([]);
  }
});

describe("the format nydus-annotation", () => {
  const { "nydus-annotation": format } = listFormats;

  test("names the image and the list on the node", () => {
    const { text } = exported(format, hostileList, {
      image: { reference: 'a"b:1' },
      nodePath: "/with blank/caf\xc3\xa9",
    });
    expect(nydusAnnotations(text)).toEqual([{ image: 'a"b:1', prefetch: "/with blank/caf\xc3\xa9" }]);
  });

  for (const [what, context, message] of [
    ["no path on the node", { nodePath: undefined }, /--node-path FILE/],
    ["a relative path on the node", { nodePath: "list" }, /must be absolute/],
    ["a path on the node that is not UTF-8", { nodePath: "/\xff" }, /UTF-8/],
    ["no image", { image: {} }, /which image it is of: --image REF/],
  ] as const) {
    test(`throws an error with the cure when there is ${what}`, () => {
      expect(() => exported(format, hostileList, context)).toThrow(message);
    });
  }
});

describe("the format estargz", () => {
  for (const [what, file, context, digest, layer] of [
    ["the file's layer", { path: "/a", layer: 2 }, { layerIndex: 7 }, "sha256:1234", 2],
    ["the layer of all where the file has none", { path: "/a" }, { layerIndex: 7 }, "sha256:1234", 7],
    ["digest and layer even where they are not known", { path: "/a" }, { image: {} }, "", 0],
  ] as const) {
    test(`has ${what}`, () => {
      expect(JSON.parse(exported(listFormats.estargz, [file], context).text)).toEqual({
        path: "a",
        manifestDigest: digest,
        layerIndex: layer,
      });
    });
  }
});
