import { expect, test } from "bun:test";
import { unlessStuck } from "../../src/session/unless-stuck.ts";

const never = new Promise<never>(() => {});

test("unlessStuck() waits for work that makes progress, however long that takes", async () => {
  let asked = 0;
  const work = Promise.withResolvers<string>();
  const progress = () => {
    if (++asked === 20) work.resolve("done");
    return asked;
  };
  expect(await unlessStuck(work.promise, progress, 1)).toBe("done");
});

test("unlessStuck() gives up when there is no progress any more", async () => {
  let asked = 0;
  expect(await unlessStuck(never, () => Math.min(++asked, 5), 1)).toBe("stuck");
  expect(asked).toBe(6);
});

test("unlessStuck() rejects as the work does", async () => {
  await expect(unlessStuck(Promise.reject(new Error("no")), () => 0, 1000)).rejects.toThrow("no");
});
