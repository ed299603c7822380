import { expect } from "bun:test";
import { loadShim } from "../../src/sys/shim.ts";
import { TracerSource } from "../../src/trace/tracer-source.ts";
import { rootTest } from "../helpers/root.ts";

rootTest("gives the same tracer while it lives, and one new one to all when it has ended", async () => {
  const source = await TracerSource.start(loadShim());
  const first = await source.get();
  expect(await source.get()).toBe(first);
  first.stop();
  const [next, same] = await Promise.all([source.get(), source.get()]);
  expect(next.hasEnded).toBe(false);
  expect(same).toBe(next);
  expect(next).not.toBe(first);
  next.stop();
});

rootTest("asks again when no new one could be had", async () => {
  const shim = loadShim();
  let fails = false;
  const source = await TracerSource.start({
    ...shim,
    start: (options) => {
      if (fails) throw new Error("no more groups");
      return shim.start(options);
    },
  });
  (await source.get()).stop();
  fails = true;
  await expect(source.get()).rejects.toThrow("no more groups");
  fails = false;
  const next = await source.get();
  expect(next.hasEnded).toBe(false);
  next.stop();
});
