import { join } from "node:path";
import { formatReference, parseReference } from "../../../src/image/reference.ts";
import { otherName, resultName } from "../../../src/record/result-name.ts";
import { check, checkSame, latin1, texts } from "../check.ts";
import type { Target } from "../fuzzer.ts";

/** What is longer names no image. */
const REFERENCE_CHARS_MAX = 4096;

const sha256 = `sha256:${"0123456789abcdef".repeat(4)}`;

/** References and names of containers: results stay in their folder, and a name leads to itself. */
export const references: Target = {
  name: "image references",
  seeds: texts(
    "docker.io/library/nginx:latest",
    "ghcr.io/org/app:1",
    "localhost:5000/app",
    `[2001:db8::1]:5000/a/b-c__d.e@${sha256}`,
    `app:1@${sha256}`,
    sha256,
    "library/library/x",
    "../../etc/passwd",
  ),
  words: texts(
    "/",
    ":",
    "@",
    "..",
    "library/",
    "docker.io/",
    "index.docker.io/",
    "localhost/",
    "_",
    "--",
    ".json",
    "\0",
    "\n",
    sha256,
  ),
  inputsInTests: 8000,
  run(input) {
    const text = latin1(input);
    const reference = parseReference(text);
    checkResultName(resultName(reference, { name: text, id: text.slice(1) }));
    checkResultName(resultName(undefined, { name: text, id: text.slice(1) }));
    checkResultName(otherName(resultName(reference, { name: text, id: text.slice(1) })) ?? "none");
    if (reference === undefined) return "none";
    const name = formatReference(reference);
    check(name.length <= text.length + ":latest".length, "a familiar name is not longer");
    const again = name.length > REFERENCE_CHARS_MAX ? reference : parseReference(name);
    checkSame(again && formatReference(again), name, "a familiar name names itself");
    const { familiarName, tag, digest } = reference;
    return `${familiarName.split("/").length} ${tag !== undefined} ${digest !== undefined}`;
  },
};

/** What any name of a result has to be. */
export function checkResultName(name: string): void {
  check(join("/data/lists", name) === `/data/lists/${name}`, `"${name}" stays in its folder as it is`);
  check(!/[\0-\x20\x7f]/.test(name), "no blanks or control characters are in a name");
  check(!/\.(csv|json)$/.test(name), "no name ends as a companion's");
  for (const part of name.split("/")) {
    check(part !== "" && Buffer.byteLength(part) <= 250, "parts fit a file system, with a suffix");
    check(part !== "." && part !== "..", "no part leads elsewhere");
  }
}
