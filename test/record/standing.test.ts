import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { findStanding } from "../../src/record/standing.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

describe("findStanding()", () => {
  const find = (directory: string) => findStanding({ directory, name: "org/app:1" });

  test("finds a list, and none where there is none", async () => {
    using folder = temporaryFolder();
    expect(await find(folder.path)).toBe("none");
    expect(await find(folder.at("nowhere"))).toBe("none");
    mkdirSync(folder.at("org"));
    expect(await find(folder.path)).toBe("none");
    writeFileSync(folder.at("org/app:1"), "/a\n");
    expect(await find(folder.path)).toBe("whole");
    expect(await find(folder.at("org/app:1"))).toBe("none");
  });

  for (const [record, standing] of [
    ['{"state": "ended", "complete": true}', "whole"],
    ['{"state": "ended", "complete": false}', "broken"],
    ['{"state": "ended", "complete": null}', "whole"],
    ['{"state": "recording", "complete": false}', "broken"],
    ["not JSON", "whole"],
    ["[]", "whole"],
    ["null", "whole"],
    ['{"complete": false}', "whole"],
  ] as const) {
    test(`with the record ${record} a list is ${standing}`, async () => {
      using folder = temporaryFolder();
      mkdirSync(folder.at("org"));
      writeFileSync(folder.at("org/app:1"), "/a\n");
      writeFileSync(folder.at("org/app:1.json"), record);
      expect(await find(folder.path)).toBe(standing);
    });
  }

  test("a pipe or a link in place of the record is not read", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("org"));
    writeFileSync(folder.at("org/app:1"), "/a\n");
    execFileSync("mkfifo", [folder.at("org/app:1.json")]);
    expect(await find(folder.path)).toBe("whole");
    writeFileSync(folder.at("elsewhere"), '{"state": "ended", "complete": false}');
    symlinkSync(folder.at("elsewhere"), folder.at("org/app:2.json"));
    writeFileSync(folder.at("org/app:2"), "/a\n");
    expect(await findStanding({ directory: folder.path, name: "org/app:2" })).toBe("whole");
  });

  test("tells what keeps it from looking", async () => {
    using folder = temporaryFolder();
    symlinkSync("loop", folder.at("loop"));
    await expect(find(folder.at("loop"))).rejects.toMatchObject({
      message: `Cannot look for ${folder.at("loop/org/app:1")}: ELOOP`,
      code: "ELOOP",
    });
  });
});
