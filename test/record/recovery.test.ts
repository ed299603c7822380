import { describe, expect, test } from "bun:test";
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { Claim } from "../../src/record/claim.ts";
import { recover } from "../../src/record/recovery.ts";
import { lockName, runNames, temporaryNames } from "../../src/record/temporary.ts";
import { loadShim } from "../../src/sys/shim.ts";
import { runToEnd } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";

const { lock } = loadShim();
const GONE = "0badcafe";

/** Another process that has claimed the folder, until it is killed. */
async function otherRecorder(folder: TemporaryFolder) {
  const name = folder.at(lockName("feedbeef"));
  writeFileSync(name, "");
  const child = Bun.spawn(["flock", "--no-fork", name, "sleep", "1000"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const isLocked = async () => (await runToEnd(["flock", "--nonblock", name, "true"])).exitCode !== 0;
  while (!(await isLocked())) await Bun.sleep(5);
  return {
    recorder: "feedbeef",
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function recoverIn(folder: TemporaryFolder): Promise<string[]> {
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  await recover({ directory: folder.path, lock, log: { info: note, warn: note, error: note } });
  return lines;
}

function record(recorder: string, more: object = {}): string {
  return JSON.stringify(
    { version: 1, complete: false, state: "recording", trouble: [], recorder, layers: [1], ...more },
    null,
    2,
  );
}

describe("recover()", () => {
  test("completes what a killed recorder left, as what it is: not complete", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("ghcr.io/org"), { recursive: true });
    writeFileSync(folder.at("ghcr.io/org/app:1"), "/a\n/b\n");
    writeFileSync(folder.at("ghcr.io/org/app:1.json"), record(GONE, { kernel: "6.18", trouble: ["full"] }));
    expect(await recoverIn(folder)).toEqual([
      "completed 1 result(s) that an earlier run was killed over, and removed 0 temporary file(s)",
    ]);
    expect(JSON.parse(readFileSync(folder.at("ghcr.io/org/app:1.json"), "utf8"))).toMatchObject({
      complete: false,
      state: "ended",
      reason: "interrupted",
      trouble: ["full", "the recorder was killed"],
      kernel: "6.18",
      layers: null,
    });
    expect(readFileSync(folder.at("ghcr.io/org/app:1"), "utf8")).toBe("/a\n/b\n");
    expect(await recoverIn(folder)).toEqual([]);
  });

  test("leaves what has ended, and what is no record of ours", async () => {
    using folder = temporaryFolder();
    const texts = {
      "ended:1.json": record(GONE, { state: "ended", complete: true }),
      "other:1.json": '{"state": "recording"',
      "empty:1.json": "",
      "text:1.json": '"recording"',
    };
    for (const [name, text] of Object.entries(texts)) writeFileSync(folder.at(name), text);
    symlinkSync("ended:1.json", folder.at("link:1.json"));
    expect(await recoverIn(folder)).toEqual([]);
    for (const [name, text] of Object.entries(texts))
      expect(readFileSync(folder.at(name), "utf8")).toBe(text);
  });

  test("removes temporary files of the dead, but no run that waits to be merged", async () => {
    using folder = temporaryFolder();
    const files = [
      `.optimizer-${GONE}-c1`,
      `.optimizer-${GONE}-c1.csv`,
      `.optimizer-${GONE}.lock`,
      `.optimizer-0123456789abcdef-1700000000000-${GONE}-c2`,
      `.optimizer-0123456789abcdef-1700000000000-${GONE}-c2.csv`,
    ];
    const whole = `.optimizer-0123456789abcdef-1700000000001-${GONE}-c2`;
    const stay = [whole, `${whole}.csv`, `${whole}.json`, ".something-else"];
    for (const name of [...files, ...stay]) writeFileSync(folder.at(name), "{}");
    expect(await recoverIn(folder)).toEqual([
      "completed 0 result(s) that an earlier run was killed over, and removed 5 temporary file(s)",
    ]);
    expect(readdirSync(folder.path).toSorted()).toEqual(stay.toSorted());
  });

  test("leaves all that another recorder is at, until it is gone", async () => {
    using folder = temporaryFolder();
    {
      await using other = await otherRecorder(folder);
      writeFileSync(folder.at("app:1.json"), record(other.recorder));
      writeFileSync(folder.at(`.optimizer-${other.recorder}-c1`), "/a\n");
      expect(await recoverIn(folder)).toEqual([]);
    }
    expect(await recoverIn(folder)).toEqual([
      "completed 1 result(s) that an earlier run was killed over, and removed 2 temporary file(s)",
    ]);
    expect(readdirSync(folder.path)).toEqual(["app:1.json"]);
  });

  test("leaves what this very process is at", async () => {
    using folder = temporaryFolder();
    const claim = await Claim.take(folder.path, lock);
    const names = [temporaryNames("c1").list, runNames(folder.at("app:1"), "c1", new Date(0)).csv];
    for (const name of names) writeFileSync(folder.at(name), "/a\n");
    expect(await recoverIn(folder)).toEqual([]);
    for (const name of names) expect(existsSync(folder.at(name))).toBe(true);
    await claim.release();
    expect(readdirSync(folder.path).toSorted()).toEqual(names.toSorted());
  });

  rootTest("does not enter a link to a folder, or a folder of another user", async () => {
    using folder = temporaryFolder();
    const text = record(GONE);
    for (const name of ["elsewhere", "lists/own", "lists/foreign"]) {
      mkdirSync(folder.at(name), { recursive: true });
      writeFileSync(folder.at(name, "app:1.json"), text);
    }
    symlinkSync(folder.at("elsewhere"), folder.at("lists/link"));
    chownSync(folder.at("lists/foreign"), 1234, 1234);
    await recover({ directory: folder.at("lists"), lock, log: { info() {}, warn() {}, error() {} } });
    expect(readFileSync(folder.at("elsewhere/app:1.json"), "utf8")).toBe(text);
    expect(readFileSync(folder.at("lists/foreign/app:1.json"), "utf8")).toBe(text);
    expect(JSON.parse(readFileSync(folder.at("lists/own/app:1.json"), "utf8")).state).toBe("ended");
  });

  test("a folder that is not there needs nothing", async () => {
    using folder = temporaryFolder();
    await recover({ directory: folder.at("nowhere"), lock, log: console });
    expect(existsSync(folder.at("nowhere"))).toBe(false);
  });
});
