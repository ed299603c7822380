import { expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import { sleep } from "../src/sleep.ts";

const DAY_MS = 86_400_000;

test("sleep() leaves no listener at a signal that is never aborted", async () => {
  const { signal } = new AbortController();
  for (let round = 0; round < 20; round++) {
    const slept = sleep(1, signal);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await slept;
  }
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("sleep() ends when its signal is aborted, and leaves no listener", async () => {
  const stop = new AbortController();
  const slept = sleep(DAY_MS, stop.signal);
  stop.abort();
  await slept;
  expect(getEventListeners(stop.signal, "abort")).toHaveLength(0);
});

test("sleep() does not begin when its signal was aborted before", async () => {
  await sleep(DAY_MS, AbortSignal.abort());
});

test("sleep() needs no signal", async () => {
  const begun = performance.now();
  await sleep(5);
  expect(performance.now() - begun).toBeGreaterThanOrEqual(4);
});
