import { expect, test } from "bun:test";
import { SaidOnce } from "../../src/session/said-once.ts";

test("SaidOnce says each thing once, and forgets the one that was not asked for longest", () => {
  const said = new SaidOnce(2);
  const asked = ["a", "a", "b", "a", "c", "a", "b", "c"];
  expect(asked.map((what) => `${what} ${said.isNew(what)}`)).toEqual([
    "a true",
    "a false",
    "b true",
    "a false",
    "c true", // b is forgotten
    "a false",
    "b true", // c is forgotten
    "c true",
  ]);
});
