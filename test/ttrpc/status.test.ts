import { describe, expect, test } from "bun:test";
import { Code, codeName, TtrpcError } from "../../src/ttrpc/status.ts";

describe("TtrpcError", () => {
  test("names its code in the message and keeps the text of the wire", () => {
    const error = new TtrpcError(Code.unimplemented, "method Foo");
    expect(error.message).toBe("[unimplemented] method Foo");
    expect(error.status).toBe("method Foo");
  });

  test("from() leaves a TtrpcError as it is", () => {
    const error = new TtrpcError(Code.internal, "x");
    expect(TtrpcError.from(error, Code.unknown)).toBe(error);
  });

  for (const [reason, message] of [
    [new RangeError("too far"), "[unknown] too far"],
    ["text", "[unknown] text"],
    [undefined, "[unknown] undefined"],
  ] as const) {
    test(`from() turns ${String(reason)} into an error that keeps it as the cause`, () => {
      const error = TtrpcError.from(reason);
      expect(error.message).toBe(message);
      expect(error.cause).toBe(reason);
    });
  }
});

test("codeName() gives the number of a code it does not know", () => {
  expect(codeName(99)).toBe("99");
});
