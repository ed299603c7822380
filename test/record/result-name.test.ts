import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { parseReference } from "../../src/image/reference.ts";
import {
  exclude,
  imagePart,
  otherName,
  resultName,
  workloadResultName,
} from "../../src/record/result-name.ts";
import { testSeed } from "../helpers/random.ts";

const container = { name: "web", id: "c0ffee" };

describe("resultName()", () => {
  for (const [image, name] of [
    ["docker.io/library/nginx:latest", "nginx:latest"],
    ["ghcr.io/org/app:1", "ghcr.io/org/app:1"],
    ["localhost:5000/app:1", "localhost:5000/app:1"],
    ["", "_unnamed/web"],
    [`sha256:${"a".repeat(64)}`, "_unnamed/web"],
    ["../../etc/passwd", "_unnamed/web"],
    ["app:v1.csv", "_unnamed/web"],
    ["app:v1.json", "_unnamed/web"],
    ["app:v1.csv2", "app:v1.csv2"],
    [`${"a".repeat(201)}/app:1`, "_unnamed/web"],
    [`${"a".repeat(200)}/app:1`, `${"a".repeat(200)}/app:1`],
  ] as const) {
    test(`of image "${image.slice(0, 40)}" (${image.length} characters) is ${name.slice(0, 40)}`, () => {
      expect(resultName(parseReference(image), container)).toBe(name);
    });
  }

  for (const [name, id, expected] of [
    ["web", "c0ffee", "_unnamed/web"],
    ["a/b c\n", "c0ffee", "_unnamed/a_b_c_"],
    ["", "c0ffee", "_unnamed/c0ffee"],
    ["..", "c0ffee", "_unnamed/c0ffee"],
    ["../..", "c0ffee", "_unnamed/c0ffee"],
    ["///", "c0ffee", "_unnamed/c0ffee"],
    ["x.json", "c0ffee", "_unnamed/c0ffee"],
    ["", "..", "_unnamed/container"],
    ["n".repeat(300), "c0ffee", `_unnamed/${"n".repeat(200)}`],
  ] as const) {
    test(`of container ${JSON.stringify(name.slice(0, 20))} with id "${id}" is ${expected.slice(0, 30)}`, () => {
      expect(resultName(undefined, { name, id })).toBe(expected);
    });
  }
});

describe("workloadResultName()", () => {
  for (const [image, namespace, workload, name, expected] of [
    ["docker.io/library/nginx:latest", "prod", "web", "app", "_workloads/prod/web/app/nginx:latest"],
    ["ghcr.io/org/app:1", "prod", "web", "app", "_workloads/prod/web/app/ghcr.io/org/app:1"],
    ["", "prod", "web", "app", "_workloads/prod/web/app/_unnamed"],
    ["app:v1.csv", "prod", "web", "app", "_workloads/prod/web/app/_unnamed"],
    ["", "", "", "", "_workloads/_unnamed/_unnamed/c0ffee/_unnamed"],
    ["", "..", "../../x", "a/b\n", "_workloads/_unnamed/_._.._x/a_b_/_unnamed"],
    ["", "a.json", "web.csv", "x", "_workloads/a.json/web.csv/x/_unnamed"],
    ["", "n".repeat(300), "web", "x", `_workloads/${"n".repeat(200)}/web/x/_unnamed`],
  ] as const) {
    test(`of ${[image, namespace, workload, name].map((each) => each.slice(0, 20)).join(", ")}`, () => {
      const owner = { namespace, workload, container: { name, id: "c0ffee" } };
      expect(workloadResultName(parseReference(image), owner)).toBe(expected);
    });
  }
});

describe("imagePart()", () => {
  for (const [name, image] of [
    ["nginx:latest", "nginx:latest"],
    ["ghcr.io/org/app:1", "ghcr.io/org/app:1"],
    ["_unnamed/web", "_unnamed/web"],
    ["_workloads/prod/web/app/nginx:latest", "nginx:latest"],
    ["_workloads/prod/web/app/ghcr.io/org/app:1", "ghcr.io/org/app:1"],
    ["_workloads/prod/web/app", "_workloads/prod/web/app"],
    ["_registries/localhost:5000/app:1", "localhost:5000/app:1"],
    ["_workloads/prod/web/app/_registries/localhost:5000/app:1", "localhost:5000/app:1"],
  ] as const) {
    test(`of ${name} is ${image}`, () => {
      expect(imagePart(name)).toBe(image);
    });
  }
});

describe("otherName()", () => {
  for (const [name, other] of [
    ["localhost:5000", "library/localhost:5000"],
    ["postgres:16", "library/postgres:16"],
    ["my.registry:5000", "library/my.registry:5000"],
    ["localhost:5000/app:1", "_registries/localhost:5000/app:1"],
    ["registry:5000/org/app@sha256:00", "_registries/registry:5000/org/app@sha256:00"],
    ["_workloads/prod/web/app/localhost:5000", "_workloads/prod/web/app/library/localhost:5000"],
    ["_workloads/p/w/c/localhost:5000/app:1", "_workloads/p/w/c/_registries/localhost:5000/app:1"],
    ["nginx:latest", undefined],
    ["nginx:1.27", undefined],
    ["my_app:1", undefined],
    ["org/app:1", undefined],
    ["ghcr.io/org/app:1", undefined],
    ["Registry:5000/app:1", undefined],
    ["[2001:db8::1]:5000/app:1", undefined],
    ["_unnamed/web", undefined],
    ["library/localhost:5000", undefined],
    ["_registries/localhost:5000/app:1", undefined],
  ] as const) {
    test(`of ${name} is ${other ?? "none"}`, () => {
      expect(otherName(name)).toBe(other);
    });
  }

  test("of two results that exclude each other both have one, which leads out of it", () => {
    const part = fc.constantFrom("a", "b.c", "d--e", "f_g", "H", "localhost", "1", "16", "x.", "[::1]");
    const pair = fc
      .tuple(part, fc.constantFrom("", ".io", "-x", "/y"), part, part)
      .map(([host, more, port, path]): [string, string] => {
        const name = `${host}${more}:${port}`;
        return [name, `${name}/${path}:1`];
      });
    let excluded = 0;
    fc.assert(
      fc.property(pair, ([one, another]) => {
        const [first, second] = [one, another].map((each) => parseReference(each));
        if (first === undefined || second === undefined) return;
        const [a, b] = [first, second].map((image) => resultName(image, container)) as [string, string];
        if (!exclude(a, b)) return;
        excluded++;
        const others = [otherName(a) ?? a, otherName(b) ?? b] as const;
        expect(exclude(others[0], b) || exclude(a, others[1]) || exclude(...others)).toBe(false);
      }),
      { seed: testSeed(), numRuns: 2000 },
    );
    expect(excluded).toBeGreaterThan(10);
  }, 60_000);
});

describe("a result's name", () => {
  test("never leaves the folder, and never ends as a companion file does", () => {
    const seed = testSeed();
    const text = fc.oneof(
      fc.string(),
      fc.string({ unit: "binary" }),
      fc.stringMatching(/^[a-z0-9./:@_-]{0,30}$/),
      fc.constantFrom("..", ".", "/", "../..", "a/../..", "\0", "a:1.csv", "x.csv"),
    );
    fc.assert(
      fc.property(text, text, text, text, text, (reference, name, id, namespace, workload) => {
        const image = parseReference(reference);
        const container = { name, id };
        for (const result of [
          resultName(image, container),
          workloadResultName(image, { namespace, workload, container }),
        ]) {
          const path = join("/data/lists", result);
          expect(path).toBe(`/data/lists/${result}`);
          expect(result).toMatch(/^[^/\0\s]+(\/[^/\0\s]+)*$/);
          expect(result).not.toMatch(/\.(csv|json)$/);
          for (const part of result.split("/")) expect(Buffer.byteLength(part)).toBeLessThanOrEqual(200);
        }
      }),
      { seed, numRuns: 2000 },
    );
  }, 60_000);
});
