import { describe, expect, test } from "bun:test";
import type { ListedFile } from "../../src/formats/listed-file.ts";
import { overlaybd } from "../../src/formats/overlaybd.ts";
import { random, testSeed } from "../helpers/random.ts";
import { exported, meant } from "./exported.ts";
import { hostileCase } from "./hostile.ts";
import { Image } from "./readers/image.ts";
import { overlaybdPriorities } from "./readers/overlaybd.ts";

const BYTES_MAX = 65_536;

function listOf(...paths: readonly string[]): ListedFile[] {
  return paths.map((path) => ({ path }));
}

function below(image: Image) {
  return { filesBelow: image.filesBelow.bind(image) };
}

/** What is lost for each byte of a line when its files are not there early: a fetch of 128 KiB each, and their bytes. */
function density(line: string, files: readonly ListedFile[]): number {
  return files.reduce((sum, { sizeBytes = 0 }) => sum + 128 * 1024 + sizeBytes, 0) / (line.length + 1);
}

/** For each line of the text the listed files that it stands for. */
function filesOfLines(text: string, files: readonly ListedFile[]): Map<string, ListedFile[]> {
  const byPath = new Map(files.map((file) => [file.path, [file]]));
  const lines = text.split("\n").slice(0, -1);
  return new Map(
    lines.map((line) => [line, byPath.get(line) ?? files.filter(({ path }) => path.startsWith(line))]),
  );
}

describe("folding", () => {
  for (const [what, listed, others, text, leftOut] of [
    ["saves a name that is refused", ["/a", "/d/b+", "/c", "/d/e"], [], "/a\n/d/\n/c\n", []],
    ["takes the nearest folder that can be named", ["/d/+/x", "/d/y"], [], "/d/\n", []],
    ["takes the nearest folder that is full", ["/d/e/f+", "/d/g"], [], "/d/e/\n/d/g\n", []],
    ["spares what needs it not", ["/d/a", "/d/b", "/e/+"], [], "/d/a\n/d/b\n/e/\n", []],
    ["needs every file of the folder", ["/d/b+", "/d/c"], ["/d/x"], "/d/c\n", ["/d/b+"]],
    ["needs every file of the folders in it", ["/d/b+", "/d/c"], ["/d/e/x"], "/d/c\n", ["/d/b+"]],
    ["is possible above a folder that is gone", ["/d/gone/x", "/d/b+"], [], "/d/\n", []],
    ["is never done at the root", ["/+", "/a"], [], "/a\n", ["/+"]],
  ] as const) {
    test(what, () => {
      const image = new Image([...listed.filter((path) => !path.includes("gone")), ...others]);
      const result = exported(overlaybd, listOf(...listed), below(image));
      expect(result.text).toBe(text);
      expect(result.leftOut.map(({ path }) => path)).toEqual([...leftOut]);
    });
  }

  test("is not done where nobody can tell what a folder has", () => {
    const result = exported(overlaybd, listOf("/d/b+"), {});
    expect(result).toEqual({
      text: "",
      leftOut: [{ path: "/d/b+", why: "name of more than letters, digits and _ . -" }],
    });
  });

  test("asks no more about the folders above one that lacks a file", () => {
    const image = new Image(["/a/b/c/d/e+", "/a/b/c/d/unlisted"]);
    const asked: string[] = [];
    const filesBelow = (folder: string) => {
      asked.push(folder);
      return image.filesBelow(folder);
    };
    exported(overlaybd, listOf("/a/b/c/d/e+"), { filesBelow });
    expect(asked).toEqual(["/a/b/c/d"]);
  });

  test("reads no file that is not listed, and all that is not left out", () => {
    const seed = testSeed();
    const next = random(seed);
    for (let round = 0; round < 500; round++) {
      const { files, image } = hostileCase(next);
      const { text, leftOut } = exported(overlaybd, files, below(image));
      const paths = meant(files, leftOut).filter((path) => image.files.has(path));
      const read = overlaybdPriorities(text, image);
      expect(read.toSorted(), `seed ${seed}, round ${round}`).toEqual(paths.toSorted());
    }
  });
});

describe("a list that is too large", () => {
  /** Files of many folders, some of which have files that are not listed; refused names here and there. */
  function largeCase(next: () => number): { files: ListedFile[]; image: Image } {
    const files: ListedFile[] = [];
    const unlisted: string[] = [];
    const isDense = next() < 0.5;
    for (let folder = 0; folder < 120; folder++) {
      const name = `/usr/${folder % 7}/${"f".repeat(next() * 30)}${folder}${next() < 0.1 ? "+" : ""}`;
      for (let file = Math.floor(next() * 60); file > 0; file--) {
        const path = `${name}/${"x".repeat(next() * 60)}${file}${next() < 0.05 ? "+" : ""}`;
        files.push({ path, sizeBytes: Math.floor(next() ** 4 * 1e7) });
      }
      if (next() < (isDense ? 0.1 : 0.9)) unlisted.push(`${name}/unlisted`);
    }
    files.sort(() => next() - 0.5);
    return { files, image: new Image([...files.map(({ path }) => path), ...unlisted]) };
  }

  test("is cut to 65 536 bytes, in its order, and reads all that is not left out", () => {
    const seed = testSeed();
    const next = random(seed);
    for (let round = 0; round < 4; round++) {
      const { files, image } = largeCase(next);
      const { text, leftOut } = exported(overlaybd, files, below(image));
      const failed = `seed ${seed}, round ${round}`;
      expect(text.length, failed).toBeLessThanOrEqual(BYTES_MAX);
      expect(overlaybdPriorities(text, image).toSorted(), failed).toEqual(meant(files, leftOut).toSorted());
      const places = new Map(files.map((file, index) => [file, index]));
      const first = [...filesOfLines(text, files).values()].map(([file]) => file && places.get(file));
      expect(first, failed).toEqual(first.toSorted((a = -1, b = -1) => a - b));
    }
  });

  test("loses those lines that cost least to miss for each of their bytes", () => {
    const seed = testSeed();
    const next = random(seed);
    for (let round = 0; round < 4; round++) {
      const { files, image } = largeCase(next);
      const { text, leftOut } = exported(overlaybd, files, below(image));
      const kept = [...filesOfLines(text, files)].map(([line, its]) => ({
        bytes: line.length + 1,
        density: density(line, its),
      }));
      const lost = new Set(leftOut.filter(({ why }) => why.startsWith("no room")).map(({ path }) => path));
      const wrong = files.filter((file) => {
        const own = density(file.path, [file]);
        // What is worth less may only have taken room that was too small.
        return (
          lost.has(file.path) && kept.some((line) => line.density < own && line.bytes > file.path.length)
        );
      });
      const failed = `seed ${seed}, round ${round}`;
      expect(wrong, failed).toEqual([]);
      expect(Math.min(...[...lost].map((path) => path.length + 1)), failed).toBeGreaterThan(
        BYTES_MAX - text.length,
      );
    }
  });

  test("is folded before anything is left out", () => {
    const paths = Array.from({ length: 3000 }, (_, index) => `/usr/share/folder${index % 30}/${index}.data`);
    const { text, leftOut } = exported(overlaybd, listOf(...paths), below(new Image([...paths, "/usr/x"])));
    expect(text).toBe("/usr/share/\n");
    expect(leftOut).toEqual([]);
  });

  test("has room for 65 536 bytes and not for one more", () => {
    const paths = Array.from({ length: 1024 }, (_, index) => `/${String(index).padStart(62, "0")}`);
    const full = exported(overlaybd, listOf(...paths));
    expect(full.text.length).toBe(BYTES_MAX);
    expect(full.leftOut).toEqual([]);
    const more = exported(overlaybd, [...listOf(...paths), { path: "/b", sizeBytes: 1 }]);
    expect(more.text).toEndWith("\n/b\n");
    expect(more.leftOut).toEqual([{ path: paths.at(-1) ?? "", why: "no room in 65536 bytes" }]);
  });

  test("takes a line that is worth less where a better one has no room", () => {
    const paths = Array.from({ length: 1023 }, (_, index) => `/${String(index).padStart(62, "0")}`);
    const files = paths.map((path) => ({ path, sizeBytes: 1e6 }));
    const long = { path: `/${"l".repeat(70)}`, sizeBytes: 1e6 };
    const { text, leftOut } = exported(overlaybd, [...files, long, { path: "/short" }]);
    expect(text).toEndWith("\n/short\n");
    expect(leftOut.map(({ path }) => path)).toEqual([long.path]);
  });
});
