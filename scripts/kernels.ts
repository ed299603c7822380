import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { release } from "node:os";
import { join, resolve } from "node:path";
import type { Case, Output } from "./kernels/case.ts";
import { CASES } from "./kernels/cases.ts";
import { makeTree, packInitramfs } from "./kernels/initramfs.ts";
import { KERNELS, type Kernel } from "./kernels/kernel.ts";
import { boot } from "./kernels/machine.ts";
import { FOLDER, fetchKernel, fetchTools, type Tools } from "./kernels/packages.ts";
import { ROOT } from "./rig/paths.ts";

/**
 * Runs the program under Debian's kernels in QEMU: prints a line of JSON for each case, then a table. Exit code 1 when
 * an expectation does not hold. Needs root. `make kernels KERNELS=5.10,6.1 PROGRAM=dist/optimizer`.
 */

interface Row {
  readonly kernel: string;
  /** As uname has it. */
  readonly release: string;
  readonly case: string;
  readonly ok: boolean;
  readonly problems: readonly string[];
}

interface Guest {
  readonly tools: Tools;
  /** Folder of this run. */
  readonly folder: string;
  readonly tree: string;
}

const log = (line: string) => console.error(`kernels: ${line}`);

process.exitCode = await main();

async function main(): Promise<number> {
  const program = resolve(ROOT, process.env["PROGRAM"] ?? "dist/optimizer");
  const names = process.env["KERNELS"]?.split(",") ?? KERNELS.map(({ name }) => name);
  const problem = findProblem(program, names);
  if (problem !== undefined) {
    log(problem);
    return 2;
  }
  const kernels = KERNELS.filter(({ name }) => names.includes(name));
  const tools = await fetchTools(log);
  const folder = join(FOLDER, `run-${process.pid}`);
  const tree = join(folder, "tree");
  try {
    await mkdir(folder, { recursive: true });
    await makeTree(tree, { tools, program, cases: CASES });
    const rows = await tryHost(tree);
    for (const kernel of kernels) rows.push(...(await tryKernel(kernel, { tools, folder, tree })));
    printTable(rows);
    return rows.every(({ ok }) => ok) ? 0 : 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What keeps this from running, with the cure. */
function findProblem(program: string, names: readonly string[]): string | undefined {
  if (process.getuid?.() !== 0) return "run this as root: the host's own kernel is tried, too";
  if (!existsSync(program)) return `there is no ${program}: make optimizer`;
  const known = KERNELS.map(({ name }) => name);
  const unknown = names.find((name) => !known.includes(name));
  return unknown === undefined
    ? undefined
    : `there is no kernel "${unknown}" in KERNELS: known are ${known.join(", ")}`;
}

/** The cases that have to be right here, too: what a guest answers is then known to be what a host answers. */
async function tryHost(tree: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const each of CASES.filter(({ onHost }) => onHost)) {
    const child = Bun.spawn(["sh", "./case.sh"], {
      cwd: join(tree, "cases", each.name),
      env: { PATH: `${join(tree, "bin")}:${process.env["PATH"]}`, HOME: "/root" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    const problems = each.check({ exitCode, stdout, stderr }, undefined);
    rows.push(report({ kernel: "host", release: release(), case: each.name, problems }));
  }
  return rows;
}

async function tryKernel(kernel: Kernel, { tools, folder, tree }: Guest): Promise<Row[]> {
  const failed = (problem: string) => [
    report({ kernel: kernel.name, release: "?", case: "boot", problems: [problem] }),
  ];
  let unpacked: string;
  try {
    unpacked = (await fetchKernel(kernel, log)).folder;
  } catch (error) {
    return failed(String(error));
  }
  const initramfs = join(folder, "initramfs.gz");
  await packInitramfs(tree, { kernel: unpacked, tools }, initramfs);
  const console = join(FOLDER, `${kernel.name}.log`);
  const started = performance.now();
  const guest = await boot({ tools, kernel: unpacked, initramfs, log: console });
  log(`${kernel.name}: ${((performance.now() - started) / 1000).toFixed(0)} s; its console is in ${console}`);
  const guestRelease = guest.release;
  if (guestRelease === undefined) return failed(`the guest did not start: ${guest.tail}`);
  return CASES.map((each) => {
    const output = guest.outputs.get(each.name);
    const problems =
      output === undefined ? [`the guest ended before: ${guest.tail}`] : judge(each, output, kernel);
    return report({ kernel: kernel.name, release: guestRelease, case: each.name, problems });
  });
}

function judge(each: Case, output: Output, kernel: Kernel): string[] {
  try {
    return each.check(output, kernel);
  } catch (error) {
    return [`${error}: ${output.stdout}${output.stderr}`];
  }
}

function report(result: Omit<Row, "ok">): Row {
  const row = { ...result, ok: result.problems.length === 0 };
  console.log(JSON.stringify(row));
  return row;
}

function printTable(rows: readonly Row[]): void {
  const releases = new Map(rows.map(({ kernel, release }) => [kernel, release]));
  console.log(`\n${"kernel".padEnd(10)}${"release".padEnd(30)}cases`);
  for (const [kernel, release] of releases) {
    const cells = rows
      .filter((row) => row.kernel === kernel)
      .map((row) => `${row.case} ${row.ok ? "ok" : "FAIL"}`);
    console.log(`${kernel.padEnd(10)}${release.padEnd(30)}${cells.join(", ")}`);
  }
}
