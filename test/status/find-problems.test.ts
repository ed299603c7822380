import { expect, test } from "bun:test";
import { type Circumstances, findProblems } from "../../src/status/find-problems.ts";

const well: Circumstances = {
  disconnected: undefined,
  tracing: { kind: "works" },
  folder: undefined,
  blocked: undefined,
  failures: { count: 2, why: "odd" },
};

for (const [what, more, kinds] of [
  ["nothing where all is well, and two containers were odd", {}, []],
  ["a lost connection", { disconnected: { why: "closed", cure: undefined } }, ["not-connected"]],
  ["a host that cannot be traced", { tracing: { kind: "unable", why: "EPERM" } }, ["cannot-trace"]],
  ["a thread that hangs", { tracing: { kind: "hangs" } }, ["tracing-hangs"]],
  ["three containers in a row", { failures: { count: 3, why: "why" } }, ["traces-fail"]],
  [
    "the cause, and not what follows from it",
    { folder: { code: "EROFS", text: "no", cure: "mount" }, failures: { count: 9, why: "EROFS" } },
    ["results-not-writable"],
  ],
  [
    "all of several causes",
    {
      disconnected: { why: "closed", cure: "start" },
      blocked: { kind: "processes-hidden", text: "hidden" },
      failures: { count: 9, why: "hidden" },
    },
    ["not-connected", "processes-hidden"],
  ],
] as [string, Partial<Circumstances>, string[]][]) {
  test(`findProblems() tells ${what}`, () => {
    expect(findProblems({ ...well, ...more }).map(({ kind }) => kind as string)).toEqual(kinds);
  });
}
