import { describe, expect, test } from "bun:test";
import { runProgram } from "../helpers/program.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { writeFiles } from "../results/results.ts";

/** Two runs of which everything is known beforehand. */
function writeRuns(folder: TemporaryFolder): [a: string, b: string] {
  const files = {
    a: [
      ["/bin/app", 4096],
      ["/lib/x.so", 2048],
      ["/old\n", 1000],
      ["/etc/conf", 952],
    ],
    b: [
      ["/lib/x.so", 2048],
      ["/bin/app", 4096],
      ["/etc/conf", 952],
      ["/new", 1096],
    ],
  } as const;
  for (const [name, rows] of Object.entries(files)) {
    writeFiles(folder, {
      [name]: rows.map(([path]) => `${path}\n`).join(""),
      [`${name}.csv`]: `path,size,elapsed\n${rows.map(([path, size]) => `"${path}",${size},1\n`).join("")}`,
    });
  }
  return [folder.at("a"), folder.at("b")];
}

describe("optimizer diff", () => {
  test("prints what a list is worth for another run", async () => {
    using folder = temporaryFolder();
    const { stdout, exitCode } = await runProgram("diff", ...writeRuns(folder));
    expect(stdout).toBe(`A          4 files, 7.9 KiB
B          4 files, 8.0 KiB
both       3 files, 6.9 KiB
order      0.3333 (Kendall's tau); 1 of 3 in another place
hit rate   75.0 % of B's files, 86.6 % of its bytes are in A
in vain    1 file, 1000 B of A that B does not open

Only in A
      1000 B  /old\\n

Only in B
     1.1 KiB  /new
`);
    expect(exitCode).toBe(0);
  });

  test("--json has the same, exactly", async () => {
    using folder = temporaryFolder();
    const { stdout } = await runProgram("diff", ...writeRuns(folder), "--json");
    expect(JSON.parse(stdout)).toEqual({
      a: { files: 4, bytes: 8096 },
      b: { files: 4, bytes: 8192 },
      both: { files: 3, bytes: 7096 },
      order: { tau: 1 - 2 / 3, moved: 1 },
      hitRate: { files: 0.75, bytes: 7096 / 8192 },
      inVain: { files: 1, bytes: 1000 },
      onlyA: [{ path: "/old\n", size: 1000, elapsed: 1 }],
      onlyB: [{ path: "/new", size: 1096, elapsed: 1 }],
    });
  });

  test("names ten files, or all with --all", async () => {
    using folder = temporaryFolder();
    const paths = Array.from({ length: 12 }, (_, index) => `/${index}`);
    writeFiles(folder, { a: `${paths.join("\n")}\n`, b: "/0\n" });
    const words = ["diff", folder.at("a"), folder.at("b")];
    const short = (await runProgram(...words)).stdout;
    expect(short).toContain("in vain    11 files of A that B does not open\n");
    expect(short).toEndWith("?  /10\n  and 1 more; --all names them\n");
    expect((await runProgram(...words, "--all")).stdout).toEndWith("?  /11\n");
  });

  test("wants two lists", async () => {
    using folder = temporaryFolder();
    const [a, b] = writeRuns(folder);
    for (const words of [[a], [a, b, a]]) {
      const { stderr, exitCode } = await runProgram("diff", ...words);
      expect(stderr).toContain("sage: optimizer diff A B");
      expect(exitCode).toBe(2);
    }
  });
});
