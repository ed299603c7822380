import { describe, expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { findName } from "../../src/results/find-name.ts";
import { findResults } from "../../src/results/find-results.ts";
import { readRecord } from "../../src/results/summary.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { provenance, resultFiles, writeFiles } from "./results.ts";

describe("findResults()", () => {
  test("finds a result by any of its files, sorted, and no temporary ones", () => {
    using folder = temporaryFolder();
    writeFiles(folder, {
      "nginx:latest": "",
      "nginx:latest.csv": "",
      "nginx:latest.json": "",
      "ghcr.io/org/app:1": "",
      "only:csv.csv": "",
      "only:json.json": "",
      ".optimizer-3f2a": "",
      "_unnamed/.optimizer-3f2a.csv": "",
      ".optimizer-3f2a-merged/list": "",
      "_unnamed/\xe9": "",
    });
    const found = findResults(folder.path).map(({ name, list, csv, json }) => [
      name,
      [list && "list", csv && "csv", json && "json"].filter(Boolean).join(" "),
    ]);
    expect(found).toEqual([
      ["_unnamed/\xe9", "list"],
      ["ghcr.io/org/app:1", "list"],
      ["nginx:latest", "list csv json"],
      ["only:csv", "csv"],
      ["only:json", "json"],
    ]);
  });

  test("follows no link, and takes no pipe for a list", () => {
    using folder = temporaryFolder();
    symlinkSync("/etc/passwd", folder.at("passwd"));
    symlinkSync("/etc", folder.at("etc"));
    Bun.spawnSync(["mkfifo", folder.at("fifo")]);
    expect(findResults(folder.path)).toEqual([]);
  });

  test("tells the cure when there is no such folder", () => {
    using folder = temporaryFolder();
    writeFiles(folder, { file: "" });
    expect(() => findResults(folder.at("none"))).toThrow(
      `No results: ${folder.at("none")} does not exist; --persist-dir names another folder, optimizer doctor checks the plugin`,
    );
    expect(() => findResults(folder.at("file"))).toThrow(
      `Cannot read ${folder.at("file")}: ENOTDIR; --persist-dir names another folder`,
    );
  });
});

describe("findName()", () => {
  const digest = provenance.image.digest ?? "";
  for (const [wanted, name] of [
    ["nginx", "nginx:latest"],
    ["nginx:latest", "nginx:latest"],
    ["docker.io/library/nginx", "nginx:latest"],
    ["docker://docker.io/library/nginx:latest", "nginx:latest"],
    [`nginx@${digest}`, "nginx:latest"],
    [digest, "nginx:latest"],
    ["ghcr.io/org/app:1", "ghcr.io/org/app:1"],
    ["sidecar", "_unnamed/sidecar"],
    ["_unnamed/sidecar", "_unnamed/sidecar"],
    ["é", "_unnamed/\xc3\xa9"],
  ] as const) {
    test(`finds ${name} as ${wanted}`, () => {
      using folder = temporaryFolder();
      writeFiles(folder, {
        ...resultFiles("nginx:latest"),
        "ghcr.io/org/app:1": "",
        "_unnamed/sidecar": "",
        "_unnamed/\xc3\xa9": "",
      });
      expect(findName(wanted, findResults(folder.path), readRecord).name).toBe(name);
    });
  }

  const workloads = ["prod/web", "prod/api", "dev/web"].map((each) => `_workloads/${each}/app/nginx:latest`);

  for (const wanted of ["nginx", "docker.io/library/nginx:latest", `nginx@${digest}`, digest]) {
    test(`finds the result of a workload as ${wanted}, or tells the candidates`, () => {
      using folder = temporaryFolder();
      const find = () => findName(wanted, findResults(folder.path), readRecord).name;
      const [one = "", ...others] = workloads;
      writeFiles(folder, resultFiles(one));
      expect(find()).toBe(one);
      for (const name of others) writeFiles(folder, resultFiles(name));
      expect(find).toThrow(
        [
          `${JSON.stringify(wanted)} has 3 results; name one of them:`,
          "  _workloads/dev/web/app/nginx:latest",
          "  _workloads/prod/api/app/nginx:latest",
          "  _workloads/prod/web/app/nginx:latest",
        ].join("\n"),
      );
      for (const name of workloads)
        expect(findName(name, findResults(folder.path), readRecord).name).toBe(name);
      writeFiles(folder, resultFiles("nginx:latest"));
      expect(find()).toBe("nginx:latest");
    });
  }

  test("tells so many candidates, and how many more there are", () => {
    using folder = temporaryFolder();
    for (let index = 0; index < 23; index++)
      writeFiles(folder, resultFiles(`_workloads/n/w${index}/c/nginx:latest`));
    expect(() => findName("nginx", findResults(folder.path), readRecord)).toThrow(
      /has 23 results; name one of them:\n(?: {2}_workloads\/.+\n){20} {2}and 3 more, which optimizer list shows$/,
    );
  });

  test("tells the nearest of a workload's image", () => {
    using folder = temporaryFolder();
    writeFiles(folder, resultFiles(workloads[0] ?? ""));
    expect(() => findName("ngnix", findResults(folder.path), readRecord)).toThrow(
      'No result has the name "ngnix"; did you mean "nginx:latest"?',
    );
  });

  for (const [wanted, message] of [
    ["ngnix", 'No result has the name "ngnix"; did you mean "nginx:latest"?'],
    ["nginx:1.25", 'No result has the name "nginx:1.25"; did you mean "nginx:latest"?'],
    ["../../etc/passwd", 'No result has the name "../../etc/passwd"; optimizer list shows all'],
    ["redis\x1b[2J", 'No result has the name "redis\\u001b[2J"; optimizer list shows all'],
    [`redis@${digest}`, `No result has the name "redis@${digest}"; optimizer list shows all`],
  ] as const) {
    test(`tells the nearest of ${JSON.stringify(wanted)}`, () => {
      using folder = temporaryFolder();
      writeFiles(folder, resultFiles("nginx:latest"));
      expect(() => findName(wanted, findResults(folder.path), readRecord)).toThrow(message);
    });
  }
});
