import { describe, expect, test } from "bun:test";
import type { EndReason } from "../../src/nri/plugin.ts";
import { backoff, keepConnected } from "../../src/nri/reconnect.ts";

const limits = { firstMs: 100, maxMs: 1000 };
const closed: EndReason = { kind: "closed", configured: false };
const served: EndReason = { kind: "closed", configured: true };
const stopped: EndReason = { kind: "stopped", configured: true };

describe("backoff()", () => {
  for (const [random, waits] of [
    [0, [100, 200, 400, 800, 1000, 1000]],
    [1, [50, 100, 200, 400, 500, 500]],
  ] as const) {
    test(`doubles up to the limit when random() is ${random}`, () => {
      expect(
        backoff(() => random, limits)
          .take(6)
          .toArray(),
      ).toEqual([...waits]);
    });
  }
});

/** Goes through `ends` without time passing. Returns the final end and the waits between. */
async function keep(ends: EndReason[]): Promise<{ end: EndReason; waits: number[]; left: number }> {
  const waits: number[] = [];
  const end = await keepConnected({
    connect: async () => ends.shift() ?? stopped,
    sleep: async (waitMs) => void waits.push(waitMs),
    random: () => 0,
    limits,
  });
  return { end, waits, left: ends.length };
}

describe("keepConnected()", () => {
  test("waits longer after each failure", async () => {
    expect(
      await keep([closed, { kind: "failed", error: new Error("x"), configured: false }, closed]),
    ).toEqual({
      end: stopped,
      waits: [100, 200, 400],
      left: 0,
    });
  });

  test("starts anew after a connection that was configured", async () => {
    const { waits } = await keep([closed, closed, served, closed, served]);
    expect(waits).toEqual([100, 200, 100, 200, 100]);
  });

  test("retries a registration that timed out", async () => {
    const { waits } = await keep([{ kind: "timed-out", timeoutMs: 5000, configured: false }]);
    expect(waits).toEqual([100]);
  });

  test("ends with a refusal", async () => {
    const refused: EndReason = { kind: "refused", message: "invalid plugin index", configured: false };
    expect(await keep([refused, closed])).toEqual({ end: refused, waits: [], left: 1 });
  });

  test("ends when it is stopped while it waits", async () => {
    const controller = new AbortController();
    const retries: [EndReason, number][] = [];
    const end = await keepConnected({
      connect: async () => closed,
      sleep: async () => controller.abort(),
      random: () => 0,
      limits,
      signal: controller.signal,
      onRetry: (reason, waitMs) => retries.push([reason, waitMs]),
    });
    expect(end).toEqual({ kind: "stopped", configured: false });
    expect(retries).toEqual([[closed, 100]]);
  });
});
