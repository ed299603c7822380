import { describe, expect, test } from "bun:test";
import { isUtf8, jsonString, jsonText, toLatin1 } from "../../src/formats/utf8.ts";

describe("isUtf8()", () => {
  for (const [bytes, is] of [
    ["", true],
    ["/plain\x7f\n\0", true],
    ["caf\xc3\xa9", true],
    ["\xf0\x9f\x9a\xa2", true],
    ["caf\xe9", false],
    ["\xc3", false],
    ["\x80", false],
    // Longer than need be, half of a pair, beyond the last character.
    ["\xc0\xaf", false],
    ["\xed\xa0\x80", false],
    ["\xf4\x90\x80\x80", false],
  ] as const) {
    test(`of ${JSON.stringify(bytes)} is ${is}`, () => {
      expect(isUtf8(bytes)).toBe(is);
    });
  }
});

test("jsonText() has the bytes in base64 besides, where they are not UTF-8", () => {
  expect(jsonText("path", "/plain")).toEqual({ path: "/plain" });
  expect(jsonText("path", "/caf\xc3\xa9")).toEqual({ path: "/caf\u00e9" });
  expect(jsonText("name", "/caf\xe9")).toEqual({ name: "/caf\ufffd", nameBase64: btoa("/caf\xe9") });
});

test("jsonString() is what JSON makes of the decoded text", () => {
  for (const text of ["/plain", '/"\\\n\x01\x7f', "/caf\u00e9\u0085\u2028", "/\u{1f6a2}"]) {
    expect(jsonString(toLatin1(text))).toBe(toLatin1(JSON.stringify(text)));
  }
});
