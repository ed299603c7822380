import { expect, test } from "bun:test";
import { type Circumstances, findProblems } from "../../src/status/find-problems.ts";

const NOW_MS = 1_800_000_000_000;
const streak = (count: number, why: string, agoMs = 0) => ({ count, why, atMs: NOW_MS - agoMs });

const well: Circumstances = {
  disconnected: undefined,
  tracing: { kind: "works" },
  folder: undefined,
  blocked: undefined,
  failures: { count: 2, why: "odd", atMs: NOW_MS },
  unwritten: { count: 2, why: "odd", atMs: NOW_MS },
  nowMs: NOW_MS,
};

for (const [what, more, kinds] of [
  ["nothing where all is well, and two containers were odd", {}, []],
  ["a lost connection", { disconnected: { why: "closed", cure: undefined } }, ["not-connected"]],
  ["a host that cannot be traced", { tracing: { kind: "unable", why: "EPERM" } }, ["cannot-trace"]],
  ["a thread that hangs", { tracing: { kind: "hangs" } }, ["tracing-hangs"]],
  ["three containers in a row", { failures: streak(3, "why") }, ["traces-fail"]],
  ["three that nothing has confirmed for ten minutes", { failures: streak(3, "why", 600_000) }, []],
  [
    "three results in a row that could not be written",
    { unwritten: streak(3, "EACCES") },
    ["results-not-writable"],
  ],
  [
    "the cause, and not what follows from it",
    {
      folder: { code: "EROFS", text: "no", cure: "mount" },
      failures: streak(9, "EROFS"),
      unwritten: streak(9, "EROFS"),
    },
    ["results-not-writable"],
  ],
  [
    "all of several causes",
    {
      disconnected: { why: "closed", cure: "start" },
      blocked: { kind: "processes-hidden", text: "hidden" },
      failures: streak(9, "hidden"),
    },
    ["not-connected", "processes-hidden"],
  ],
] as [string, Partial<Circumstances>, string[]][]) {
  test(`findProblems() tells ${what}`, () => {
    expect(findProblems({ ...well, ...more }).map(({ kind }) => kind as string)).toEqual(kinds);
  });
}
