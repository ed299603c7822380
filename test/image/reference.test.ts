import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatReference, parseReference } from "../../src/image/reference.ts";
import { testSeed } from "../helpers/random.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

describe("parseReference()", () => {
  for (const [text, familiar] of [
    ["docker.io/library/nginx:latest", "nginx:latest"],
    ["docker.io/library/nginx", "nginx:latest"],
    ["index.docker.io/library/nginx:1", "nginx:1"],
    ["nginx", "nginx:latest"],
    ["nginx:1.27-alpine", "nginx:1.27-alpine"],
    ["library/nginx", "nginx:latest"],
    ["docker.io/library/library/nginx", "library/library/nginx:latest"],
    ["org/app:1", "org/app:1"],
    ["docker.io/org/app:1", "org/app:1"],
    ["docker.io/quay.io/app:1", "docker.io/quay.io/app:1"],
    ["index.docker.io/docker.io/app", "docker.io/docker.io/app:latest"],
    ["docker.io/localhost/app", "docker.io/localhost/app:latest"],
    [`library/${digest}`, `library/${digest}`],
    [`index.docker.io/${digest}`, `library/${digest}`],
    [`docker.io/${digest}@${digest}`, `library/${digest}`],
    ["library/sha256:1", "sha256:1"],
    ["docker.io/library/quay.io", "quay.io:latest"],
    ["ghcr.io/org/app:1", "ghcr.io/org/app:1"],
    ["ghcr.io/library/app", "ghcr.io/library/app:latest"],
    ["localhost/app", "localhost/app:latest"],
    ["localhost:5000/app:1", "localhost:5000/app:1"],
    // Without a slash it is no registry, but an image and its tag.
    ["localhost:5000", "localhost:5000"],
    ["docker.io/library/localhost:5000", "localhost:5000"],
    ["library/localhost:5000", "localhost:5000"],
    ["registry:5000/app", "registry:5000/app:latest"],
    ["127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000/a/b/c:x"],
    ["[2001:db8::1]:5000/app:1", "[2001:db8::1]:5000/app:1"],
    ["REGISTRY.example.com/app", "REGISTRY.example.com/app:latest"],
    ["org/my_app__x--y.z:T_a.g-1", "org/my_app__x--y.z:T_a.g-1"],
    [`app@${digest}`, `app@${digest}`],
    [`docker.io/library/app@${digest}`, `app@${digest}`],
    [`ghcr.io/org/app@${digest}`, `ghcr.io/org/app@${digest}`],
    [`localhost:5000/app@${digest}`, `localhost:5000/app@${digest}`],
    [`app:1@${digest}`, "app:1"],
    [`localhost:5000/app:1@${digest}`, "localhost:5000/app:1"],
  ] as const) {
    test(`reads "${text}" as ${familiar}`, () => {
      const reference = parseReference(text);
      expect(reference && formatReference(reference)).toBe(familiar);
    });
  }

  test("keeps the digest behind a tag", () => {
    expect(parseReference(`ghcr.io/org/app:1@${digest}`)).toEqual({
      familiarName: "ghcr.io/org/app",
      tag: "1",
      digest,
    });
  });

  for (const [why, text] of [
    ["nothing", ""],
    ["an image id", digest],
    ["an image id without its algorithm", digest.slice(7)],
    ["upper case in a path", "org/App:1"],
    ["upper case on Docker Hub", "Nginx"],
    ["a tag that is empty", "app:"],
    ["a tag of 129 characters", `app:${"a".repeat(129)}`],
    ["a tag with a slash", "app:a/b:c"],
    ["a tag that is two dots", "app:.."],
    ["a digest that is short", "app@sha256:abc"],
    ["a digest that is no hex", `app@sha256:${"z".repeat(64)}`],
    ["a digest with a path", `app@sha256:${"a".repeat(64)}/../../x`],
    ["two digests", `app@${digest}@${digest}`],
    ["a port that is no number", "localhost:abc/app"],
    ["an absolute path", "/etc/passwd"],
    ["a path upwards", "../../etc/passwd"],
    ["a path upwards behind a registry", "ghcr.io/../../etc/passwd"],
    ["a dot for a component", "ghcr.io/./app"],
    ["an empty component", "ghcr.io//app"],
    ["a trailing slash", "ghcr.io/app/"],
    ["two dots as the registry", "../app"],
    ["a scheme", "https://ghcr.io/app"],
    ["a blank", "my app"],
    ["a newline behind", "nginx\n"],
    ["a newline in the tag", "nginx:1\n2"],
    ["a newline behind the tag", "nginx:1\n"],
    ["a newline behind the registry", "ghcr.io\n/app"],
    ["NUL", "nginx\0"],
    ["an escape sequence", "nginx\x1b[31m"],
    ["letters of another script", "nginх"],
    ["a name of 256 characters", `ghcr.io/${"a/".repeat(123)}aa:1`],
    ["64 KiB", "a".repeat(65536)],
    ["64 KiB that nearly fit", `${"a-".repeat(32767)}!`],
    ["4 KiB that nearly fit", `${"a-".repeat(2040)}!`],
  ] as const) {
    test(`finds no image in ${why}`, () => {
      expect(parseReference(text)).toBeUndefined();
    });
  }

  test("never throws, and what it takes has no way upwards", () => {
    const seed = testSeed();
    const texts = fc.oneof(fc.string(), fc.stringMatching(/^[a-zA-Z0-9./:@_\-\n[\]]{0,40}$/));
    fc.assert(
      fc.property(texts, (text) => {
        const reference = parseReference(text);
        const name = reference === undefined ? "x" : formatReference(reference);
        expect(name).toMatch(/^[^/\s]+(\/[^/\s]+)*$/);
        expect(name.split("/")).not.toContain("..");
      }),
      { seed, numRuns: 2000 },
    );
  });

  test("reads its own form again", () => {
    for (const text of ["nginx:1", "org/app:1", "ghcr.io/org/app:1", `localhost:5000/app@${digest}`]) {
      const reference = parseReference(text);
      expect(reference && formatReference(reference)).toBe(text);
    }
  });
});
