import { expect, test } from "bun:test";
import { type Limits, limitFiles } from "../../src/lists/limit.ts";

const files = [
  { path: "/a", sizeBytes: 10, elapsedUs: 1 },
  { path: "/b", sizeBytes: 20, elapsedUs: 30 },
  { path: "/c", sizeBytes: 5, elapsedUs: 20 },
];

const cases: [string, Limits, string[]][] = [
  ["without limits all files are taken", {}, ["/a", "/b", "/c"]],
  ["--limit-files takes the first ones", { files: 2 }, ["/a", "/b"]],
  ["--limit-bytes ends before the first file that would be too much", { bytes: 29 }, ["/a"]],
  ["--limit-bytes takes what fits to the byte", { bytes: 30 }, ["/a", "/b"]],
  ["--within leaves out what was later, wherever it stands", { withinUs: 20 }, ["/a", "/c"]],
  [
    "what --within leaves out does not count against other limits",
    { withinUs: 20, files: 2, bytes: 15 },
    ["/a", "/c"],
  ],
];

for (const [title, limits, expected] of cases) {
  test(title, () => {
    expect([...limitFiles(files, limits)].map(({ path }) => path)).toEqual(expected);
  });
}

test("a limit that needs what is not known says what is missing", () => {
  expect(() => [...limitFiles([{ path: "/a" }], { bytes: 1 })]).toThrow("--limit-bytes needs sizes");
  expect(() => [...limitFiles([{ path: "/a" }], { withinUs: 1 })]).toThrow("--within needs times");
});
