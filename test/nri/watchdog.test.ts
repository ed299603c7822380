import { describe, expect, test } from "bun:test";
import { replyBudgetMs, untilBudget } from "../../src/nri/watchdog.ts";

describe("replyBudgetMs()", () => {
  for (const [remainingMs, budgetMs] of [
    [2000, 1000],
    [1100, 850],
    [600, 350],
    [300, 150],
    [0, 0],
    [-50, 0],
  ] as const) {
    test(`gives ${budgetMs} ms of ${remainingMs} ms`, () => {
      expect(replyBudgetMs(remainingMs, { marginMs: 250, ceilingMs: 1000 })).toBe(budgetMs);
    });
  }
});

describe("untilBudget()", () => {
  const never = new AbortController().signal;

  /** Runs with a report of what was told to `onError`. */
  async function watch(
    run: (signal: AbortSignal) => Promise<void>,
    { budgetMs = 60_000, signal = never } = {},
  ): Promise<string[]> {
    const errors: string[] = [];
    await untilBudget({ act: "Work", budgetMs, signal, run, onError: (message) => errors.push(message) });
    return errors;
  }

  test("resolves with the work and reports nothing", async () => {
    expect(await watch(async () => {})).toEqual([]);
  });

  test("reports a rejection and resolves", async () => {
    expect(await watch(() => Promise.reject(new Error("no luck")))).toEqual(["Work failed: no luck"]);
  });

  test("reports what is thrown at once and resolves", async () => {
    const run = (): never => {
      throw "words";
    };
    expect(await watch(run)).toEqual(["Work failed: words"]);
  });

  test("resolves when the budget is used up, aborts the work and reports once", async () => {
    const aborted = Promise.withResolvers<void>();
    const run = (signal: AbortSignal): Promise<void> =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          reject(signal.reason);
          aborted.resolve();
        });
      });
    const errors = await watch(run, { budgetMs: 1 });
    await aborted.promise;
    expect(errors).toEqual(["Work is not done after 1 ms: answered without waiting for it"]);
  });

  test("reports a failure that comes after the budget", async () => {
    const errors: string[] = [];
    const told = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await untilBudget({
      act: "Work",
      budgetMs: 1,
      signal: never,
      run: () => gate.promise,
      onError: (message) => {
        errors.push(message);
        if (errors.length === 2) told.resolve();
      },
    });
    gate.reject(new Error("no luck"));
    await told.promise;
    expect(errors[1]).toBe("Work failed: no luck");
  });

  test("resolves when the caller is gone, without a report", async () => {
    const controller = new AbortController();
    const result = watch(() => new Promise<void>(() => {}), { signal: controller.signal });
    controller.abort();
    expect(await result).toEqual([]);
  });

  test("resolves when the caller was gone before it began", async () => {
    expect(await watch(() => new Promise<void>(() => {}), { signal: AbortSignal.abort() })).toEqual([]);
  });
});
