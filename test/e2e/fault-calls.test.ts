import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../scripts/rig/command.ts";
import { ROOT } from "../../scripts/rig/paths.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { fakeContainer } from "../helpers/nri-messages.ts";
import { preLaunch } from "../helpers/program.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";

await run(["make", "-s", "dist/optimizer-inject"], { cwd: ROOT });

const ERRNOS = ["EMFILE", "ENFILE", "EIO", "ENOMEM"] as const;
const LIMIT_MS = 500;
/** Some calls are first made for the second container. */
const TAGS = ["1", "2", "3"] as const;
const paths = Array.from({ length: 50 }, (_, index) => `/many/${index}`);
const WHOLE = `${paths.join("\n")}\n`;
const overlay = {
  kind: "overlay",
  layers: [Object.fromEntries(paths.map((path) => [path, "text"]))],
} as const;

/** The places of the shim's own table at which a plugin's calls can fail; how many calls pass before. */
const places = [
  ...readFileSync(join(ROOT, "native/fault_test.c"), "latin1").matchAll(
    /\{ "([\w@]+)", (\d+), (?:call|trace)_under, "((?:[^"\\]|\\.)+)" \}/g,
  ),
].map(([, call = "", pass = "", what = ""]) => ({ call, pass, what }));

test("the shim's table of faults is read", () => {
  expect(places.length).toBeGreaterThan(30);
});

describe("no start fails or waits, and no list has a hole that nobody tells of, when", () => {
  for (const [index, { call, pass, what }] of places.entries()) {
    // Each errno in its turn: the shim's own test has all of them at each place.
    const [first, second] = [ERRNOS[index % 4], ERRNOS[(index + 1) % 4]];
    test(`${call} fails after ${pass} calls (${what}): with ${first} once, with ${second} always`, async () => {
      await Promise.all([
        bear(`${call}:${first}:${pass}:1`, "once"),
        bear(`${call}:${second}:${pass}:-1`, "always"),
      ]);
    });
  }
});

async function bear(inject: string, howOften: "once" | "always"): Promise<void> {
  using folder = temporaryFolder();
  await using plugin = await preLaunch({ program: "injected", inject });
  await plugin.runtime.handshake(`persist_dir = ${JSON.stringify(folder.path)}\n`);
  for (const tag of TAGS) {
    await using container = await heldContainer({ root: overlay });
    const image = { annotations: { "io.kubernetes.cri.image-name": `faults:${tag}` } };
    const its = fakeContainer(`c${tag}`, { pid: container.pid, ...image });
    const begun = performance.now();
    expect(await plugin.runtime.event("StartContainer", its)).toMatchObject({ code: 0 });
    expect(performance.now() - begun).toBeLessThanOrEqual(LIMIT_MS);
    await container.tell("many", "/many/", `${paths.length}`);
    await container.end();
    expect(await plugin.runtime.event("StopContainer", its)).toMatchObject({ code: 0 });
  }
  plugin.runtime.close();
  const log = (await plugin.log()).join("\n");
  expect(await plugin.exited).toBe(0);
  const nothing = log.includes("nothing will be traced: ");
  for (const tag of TAGS) {
    const { list, record } = resultOf(folder, `faults:${tag}`);
    if (list === WHOLE) continue;
    if (nothing) expect(record).toBeUndefined();
    else expect({ inject, tag, log, ...record }).toMatchObject({ complete: false });
    expect(log).toMatch(/ (?:error nothing will be traced|warn container .*(?:not traced|not complete)): /);
  }
  // What failed once is over at the third, unless it was the very beginning that failed.
  if (howOften === "once" && !nothing) expect(resultOf(folder, "faults:3").list).toBe(WHOLE);
}

function resultOf(folder: TemporaryFolder, name: string) {
  const read = (path: string) => (existsSync(path) ? readFileSync(path, "latin1") : undefined);
  const text = read(folder.at(`${name}.json`));
  const record = text === undefined ? undefined : (JSON.parse(text) as { readonly complete: boolean });
  return { list: read(folder.at(name)), record };
}
