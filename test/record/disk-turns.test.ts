import { expect, test } from "bun:test";
import { inTurn } from "../../src/record/disk-turns.ts";

test("inTurn() lets some act at a time, in the order of their asking, and goes on after an error", async () => {
  let acting = 0;
  let most = 0;
  const begun: number[] = [];
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, (_, index) =>
      inTurn(async () => {
        begun.push(index);
        most = Math.max(most, ++acting);
        await Promise.resolve();
        acting--;
        if (index % 3 === 0) throw new Error("no room");
        return index;
      }),
    ),
  );
  expect(begun).toEqual(Array.from({ length: 100 }, (_, index) => index));
  expect(most).toBe(8);
  expect(results.filter(({ status }) => status === "rejected")).toHaveLength(34);
});
