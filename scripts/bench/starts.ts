import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../rig/command.ts";
import { GROUP, PASSWD } from "../rig/debian-layers.ts";
import { printComparison } from "./comparison.ts";
import { floor } from "./floor.ts";
import { hold, type Program } from "./held.ts";
import { plugin } from "./plugin.ts";
import type { Setup } from "./setup.ts";
import { reallyOpened } from "./strace.ts";
import { untraced } from "./untraced.ts";

const SLOWDOWN_MAX = 1.02;
const COPY_COMPILED =
  'cd "$1" && find usr/lib -name __pycache__ -print0 | tar -c --null -T - | tar -x -C "$2"';

/** Programs as Debian has them, started in containers that were just made. */
export async function printStarts(setup: Setup): Promise<void> {
  const { packages, zooPackages } = setup;
  const own = ownLayer(setup);
  const above = (...folders: readonly string[]) => [own, ...folders, packages.base.folder];
  const python = start(["/usr/bin/python3", "/zoo/imports.py"], above(zooPackages.python.folder));
  const programs = [
    {
      title: "python3 that imports most of its library",
      program: start(python.argv, [await compiledModules(python, setup), ...python.layers]),
      rounds: 3,
    },
    {
      title: "node that requires its built-in modules, some packages and files",
      program: start(["/usr/bin/node", "/zoo/requires.js"], above(zooPackages.node.folder)),
      rounds: 4,
    },
    {
      title: "perl that loads many of its modules",
      program: start(["/usr/bin/perl", "/zoo/modules.pl"], above(zooPackages.perl.folder)),
      rounds: 3,
    },
    {
      title: "nginx that reads its configuration (-t)",
      program: start(["/usr/sbin/nginx", "-t"], above(packages.nginx.folder)),
      rounds: 6,
    },
  ];
  for (const { title, program, rounds } of programs) {
    const truth = await reallyOpened(packages, program, setup.scratch);
    await printComparison(
      {
        title: `A start: ${title}`,
        program,
        rounds: setup.rounds * rounds,
        contestants: [
          { tracer: untraced },
          { tracer: plugin },
          { tracer: floor },
          { tracer: setup.strace, everyRound: 5 },
          { tracer: setup.fatrace, everyRound: 5 },
        ],
        truth,
        slowdownMax: SLOWDOWN_MAX,
      },
      setup,
    );
  }
}

interface Start extends Program {
  readonly argv: readonly string[];
}

/** A program that is started once; see start.c. */
function start(argv: readonly string[], layers: readonly string[]): Start {
  return { argv, layers, passes: 1, command: (folder) => ["dist/start", layers.join(":"), folder, ...argv] };
}

/** What the programs do, and what Debian's packages make when they are installed. */
function ownLayer({ scratch }: Setup): string {
  const folder = scratch.make("layer");
  for (const name of ["etc", "zoo/lib", "var/log/nginx", "var/lib/nginx"]) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  writeFileSync(join(folder, "etc/passwd"), PASSWD);
  writeFileSync(join(folder, "etc/group"), GROUP);
  writeFileSync(join(folder, "zoo/package.json"), '{ "name": "zoo" }\n');
  for (let index = 0; index < 60; index++) {
    writeFileSync(join(folder, `zoo/lib/${index}.js`), "exports.count = 1;\n");
  }
  cpSync("scripts/rig/zoo", join(folder, "zoo"), { recursive: true });
  return folder;
}

/** A layer with the modules that python3 compiles when it is run for the first time, as images have them. */
async function compiledModules(program: Start, { scratch }: Setup): Promise<string> {
  const layer = scratch.make("layer");
  await using held = await hold(program, scratch);
  await held.go();
  await run(["sh", "-c", COPY_COMPILED, "sh", `/proc/${held.pid}/root`, layer]);
  return layer;
}
