import { describe, expect } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import type { Config } from "../../src/config.ts";
import { heldContainer } from "../helpers/held-container.ts";
import { runProgram } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { type Bench, bench, files, info, names, runtime } from "../helpers/session-bench.ts";
import { waitFor } from "../helpers/wait-for.ts";

/** An image with a tag, and an image of the registry that has the same name. */
const IMAGE = "localhost:5000";
const OF_REGISTRY = "localhost:5000/app:1";

const opened = { [IMAGE]: "/a", [OF_REGISTRY]: "/b" } as const;
type Image = keyof typeof opened;

let count = 0;

/** Starts a container of an image; it opens one file, and ends when it is told to. */
async function start(its: Bench, image: Image, config: Config, path: string = opened[image]) {
  const container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
  const id = `c${++count}`;
  await its.sessions.start(info(id, container, { imageReference: image }), config, runtime);
  await container.tell("open", path);
  return {
    async end() {
      await container.end();
      await its.sessions.stop(id);
      await container[Symbol.asyncDispose]();
    },
  };
}

/** What the commands say of a result, named as users know it. */
async function listOf(its: Bench, image: Image): Promise<string> {
  const where = ["--persist-dir", its.folder.at("lists")];
  const shown = await runProgram("show", image, ...where);
  expect(shown.stdout).toContain(`  image      ${image}\n`);
  const { stdout } = await runProgram("export", image, "--format", "list", ...where);
  return stdout;
}

async function expectBoth(its: Bench): Promise<void> {
  for (const image of [IMAGE, OF_REGISTRY] as const)
    expect(await listOf(its, image)).toBe(`${opened[image]}\n`);
  const { stdout } = await runProgram("list", "--json", "--persist-dir", its.folder.at("lists"));
  expect(JSON.parse(stdout)).toMatchObject([{ complete: true }, { complete: true }]);
}

describe("an image host:5000 and one of the registry host:5000 both have their results", () => {
  for (const [mode, more] of [
    ["overwrite = false", {}],
    ["overwrite = true", { overwrite: true }],
    ["merge = true", { merge: true }],
    ['list_per = "workload"', { listPer: "workload" }],
  ] as const) {
    for (const order of [[IMAGE, OF_REGISTRY] as const, [OF_REGISTRY, IMAGE] as const]) {
      for (const times of ["one after the other", "at once"] as const) {
        rootTest(`${mode}, ${order.join(" before ")}, ${times}`, async () => {
          await using its = await bench();
          const config = its.config(more);
          const running = [];
          for (const image of order) {
            const container = await start(its, image, config);
            if (times === "at once") running.push(container);
            else await container.end();
          }
          await Promise.all(running.map((each) => each.end()));
          await its.sessions.finishMerges(30_000);
          expect(its.lines.filter((line) => !line.startsWith("info "))).toEqual([]);
          await expectBoth(its);
        });
      }
    }
  }

  rootTest("and keep them: no later container of either is recorded beside", async () => {
    await using its = await bench();
    for (const image of [OF_REGISTRY, IMAGE, IMAGE, OF_REGISTRY] as const) {
      await (await start(its, image, its.config())).end();
    }
    expect(its.lines.filter((line) => line.includes("is kept (overwrite = false)"))).toHaveLength(2);
    await expectBoth(its);
  });

  rootTest("a result that had to give way keeps its name when the way is free", async () => {
    await using its = await bench();
    for (const image of [OF_REGISTRY, IMAGE] as const) await (await start(its, image, its.config())).end();
    expect(names(its.folder)).toEqual(["library", "localhost:5000"]);
    rmSync(its.folder.at("lists", "localhost:5000"), { recursive: true });
    await (await start(its, IMAGE, its.config({ overwrite: true }), "/c")).end();
    expect(names(its.folder)).toEqual(["library"]);
    expect(readFileSync(its.folder.at("lists/library/localhost:5000"), "utf8")).toBe("/c\n");
  });

  rootTest("a container that runs already is recorded under the free name, too", async () => {
    await using its = await bench();
    await (await start(its, IMAGE, its.config())).end();
    await using container = await heldContainer({ root: { kind: "overlay", layers: [files] } });
    await its.sessions.join(
      info("running", container, { imageReference: OF_REGISTRY }),
      its.config(),
      runtime,
    );
    await waitFor("the trace", () => its.sessions.size === 1);
    await container.tell("open", "/b");
    await container.end();
    await its.sessions.stop("running");
    const moved = its.folder.at("lists/_registries/localhost:5000/app:1");
    expect(readFileSync(moved, "utf8")).toContain("/b\n");
  });
});
