import { expect, test } from "bun:test";
import { cutMiddle, encode, paint, shown, wrap } from "../../src/sys/terminal.ts";

const tty = { width: 80, colours: false };
const pipe = { width: undefined, colours: false };

for (const [bytes, text] of [
  ["/plain", "/plain"],
  ["/caf\xc3\xa9", "/café"],
  ["/latin1 \xe9", "/latin1 \\xe9"],
  ["/\x1b[2J\x07\n\x7f", "/\\x1b[2J\\x07\\x0a\\x7f"],
  ["/\xc2\x9b2J", "/\\x9b2J"], // CSI of the second set of controls
  ["/\xe2\x80\xae", "/\\u{202e}"], // right-to-left override
] as const) {
  test(`shown() makes ${text} of ${JSON.stringify(bytes)} on a terminal, and nothing in a pipe`, () => {
    expect(shown(bytes, tty)).toBe(text);
    expect(encode(shown(bytes, pipe), pipe)).toEqual(Buffer.from(bytes, "latin1"));
  });
}

for (const [text, width, cut] of [
  ["abcdefghij", 10, "abcdefghij"],
  ["abcdefghij", 9, "abcd…ghij"],
  ["abcdefghij", 6, "ab…hij"],
  ["漢字漢字漢字", 8, "漢…漢字"],
] as const) {
  test(`cutMiddle(${text}, ${width}) is ${cut}`, () => {
    expect(cutMiddle(text, width)).toBe(cut);
    expect(Bun.stringWidth(cut)).toBeLessThanOrEqual(width);
  });
}

test("wrap() breaks at blanks, and leaves long words whole", () => {
  expect(wrap("a bb ccc dddddddd e", 6)).toEqual(["a bb", "ccc", "dddddddd", "e"]);
});

test("paint() does nothing without colours", () => {
  expect(paint("x", "red", tty)).toBe("x");
  expect(paint("x", "red", { width: 80, colours: true })).toBe("\x1b[31mx\x1b[0m");
});
