import { describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findMirror } from "../../scripts/rig/apt.ts";
import { pickVersion } from "../../scripts/rig/package-set.ts";

describe("pickVersion()", () => {
  test.each([
    ["the wanted one", ["2.1.10-1", "2.1.9+ds1-5", "2.1.8-1"], "2.1.9", "2.1.9+ds1-5"],
    ["the wanted one with an epoch", ["1:2.1.9~ds1-1"], "2.1.9", "1:2.1.9~ds1-1"],
    ["the newest of the minor", ["2.3.0-1", "2.1.12-1", "2.1.11-1"], "2.1.9", "2.1.12-1"],
    ["the newest of the major", ["3.0.0-1", "2.10.0-1", "2.2.0-1"], "2.1.9", "2.10.0-1"],
    ["none of another major", ["3.0.0-1", "1.7.24-1"], "2.1.9", undefined],
    ["the newest when none is wanted", ["2-1", "1-1"], undefined, "2-1"],
  ])("takes %s", (_, available, wanted, picked) => {
    expect(pickVersion(available, wanted)).toBe(picked);
  });
});

describe("findMirror()", () => {
  const vendor = "deb [signed-by=/x.gpg] http://vendor.invalid/linux/debian bookworm stable\n";
  const security = "deb http://security.invalid/debian-security bookworm-security main\n";
  test.each([
    [
      "sources.list",
      `# deb http://off.invalid/debian bookworm main\n${vendor}${security}deb http://a.invalid/debian bookworm main contrib # ours\n`,
      "http://a.invalid/debian",
    ],
    [
      "sources.list.d/x.list",
      `${vendor}deb [arch=amd64] http://b.invalid/mirror stable main\n`,
      "http://b.invalid/mirror",
    ],
    [
      "sources.list.d/x.sources",
      "Types: deb\nURIs: http://security.invalid/debian-security\nSuites: bookworm-security\nComponents: main\n\nTypes: deb deb-src\n# a comment\nURIs: http://c.invalid/debian\nSuites: bookworm\n bookworm-updates\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n URIs: http://no.invalid\n",
      "http://c.invalid/debian",
    ],
  ])("reads %s", async (file, text, mirror) => {
    const folder = await mkdtemp(join(tmpdir(), "rig-apt-"));
    try {
      await mkdir(join(folder, "sources.list.d"));
      await Bun.write(join(folder, file), text);
      expect(findMirror(folder)).toBe(mirror);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("says what is missing", () => {
    expect(() => findMirror("/nonexistent")).toThrow(/^Cannot find the Debian archive in \/nonexistent: /);
  });
});
